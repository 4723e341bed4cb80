package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/witness"
)

const (
	maxPolicyFile = 1 << 20 // bytes
	maxTile       = manifest.TileWidth * tlog.HashSize
)

func (a *app) witnessAskCmd() *cobra.Command {
	var c verifyCall
	var policy string
	cmd := &cobra.Command{
		Use:   "ask",
		Short: a.say("cmd.witness.ask"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.key == "" || c.from == "" || policy == "" {
				return usagef("give --key, --from and --policy: whose log, where it is published, and which witnesses to ask")
			}
			return a.askWitnesses(cmd.Context(), c, policy)
		},
	}
	cmd.Flags().StringVar(&c.key, "key", "", a.say("flag.key"))
	cmd.Flags().StringVar(&c.from, "from", "", a.say("flag.from"))
	cmd.Flags().StringVar(&policy, "policy", "", a.say("flag.policy"))
	return cmd
}

// readPolicy reads a file in the form of c2sp.org/tlog-policy.
func readPolicy(file string) (*manifest.Policy, error) {
	info, err := os.Stat(file)
	if err == nil && info.Size() > maxPolicyFile {
		err = errors.New("it is too large for a policy")
	}
	if err != nil {
		return nil, fmt.Errorf("read policy %s: %w", message.Safe(file), bare(err))
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read policy %s: %w", message.Safe(file), bare(err))
	}
	p, err := manifest.ParsePolicy(b)
	if err != nil {
		return nil, usagef("read policy %s: %v", message.Safe(file), err)
	}
	return p, nil
}

// readPolicy reads what --policy names.
func (c *verifyCall) readPolicy() (err error) {
	if c.policyFile != "" {
		c.policy, err = readPolicy(c.policyFile)
	}
	return err
}

// askWitnesses has the published checkpoint of any log cosigned and prints it.
// The dock is not needed: its tiles prove what a witness wants proved.
func (a *app) askWitnesses(ctx context.Context, c verifyCall, policy string) error {
	p, err := readPolicy(policy)
	if err != nil {
		return err
	}
	o, done, err := a.foreign(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	head, err := verify.Open(ctx, o)
	if err != nil {
		return err
	}
	client, err := witness.New(witness.Options{Policy: p, Key: head.Verifier, Now: a.now})
	if err != nil {
		return err
	}
	defer client.Close()
	tiles := manifest.HashReader(head.Checkpoint, func(path string) ([]byte, error) {
		return store.ReadBare(ctx, o.Store, manifest.LogPath(head.Log, path), maxTile)
	})
	msg, err := client.Cosign(ctx, head.Checkpoint.Size, head.Note, func(old int64) (tlog.TreeProof, error) {
		return tlog.ProveTree(head.Checkpoint.Size, old, tiles)
	})
	var partly *witness.PartlyError
	if err != nil && !errors.As(err, &partly) {
		return err
	}
	if _, werr := a.out.Write(msg); werr != nil {
		return werr
	}
	return err
}
