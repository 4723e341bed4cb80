// Package outside has others check what custodock writes: Tessera's fsck, the
// client, the proofs and the spicy command of torchwood, and the checkpoints
// and the mathematics of transparency-dev. Each must accept a published log
// and refuse one in which a byte was changed.
package outside
