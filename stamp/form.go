package stamp

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
)

// What no signature covers in a reply is held to the one form that the
// specifications give it: else bits of it could change and nobody would see.

// within unmarshals the one element that stands in an element of tag 0.
// encoding/asn1 does not compare the two lengths.
func within(outer asn1.RawValue, into any) error {
	if !tagged(outer) {
		return asn1.StructuralError{Msg: "no tag 0 around it"}
	}
	rest, err := asn1.Unmarshal(outer.Bytes, into)
	if err == nil && len(rest) > 0 {
		err = asn1.StructuralError{Msg: "bytes follow it in its tag"}
	}
	return err
}

// tagged reports whether v is of tag 0 of its context and holds elements.
func tagged(v asn1.RawValue) bool {
	return v.Class == asn1.ClassContextSpecific && v.Tag == 0 && v.IsCompound
}

// open takes what is signed out of a token.
func open(content asn1.RawValue) (s signedData, info []byte, err error) {
	if err = within(content, &s); err == nil {
		err = within(s.Content.Info, &info)
	}
	switch {
	case err != nil:
		return s, nil, fmt.Errorf("%w: %w", errForm, err)
	case !s.Content.Type.Equal(oidTSTInfo):
		return s, nil, fmt.Errorf("%w: it holds no time stamp", errForm)
	}
	return s, info, nil
}

// form reports whether versions and lists say of what is signed what they must
// (RFC 5652, sections 5.1 and 5.3; of parameters RFC 5754, section 2).
func (d signedData) form() error {
	signer := d.Signers[0]
	version := 1
	if signer.ID.Class == asn1.ClassContextSpecific && signer.ID.Tag == tagSubjectKeyID {
		version = 3
	}
	listed := func(a pkix.AlgorithmIdentifier) bool { return a.Algorithm.Equal(signer.Digest.Algorithm) && plain(a) }
	switch {
	case d.Version < 3 || d.Version > 5 || signer.Version != version:
		return fmt.Errorf("%w: versions %d and %d of CMS", errForm, d.Version, signer.Version)
	case !plain(signer.Digest) || !slices.ContainsFunc(d.Digests, listed):
		return fmt.Errorf("%w: its list of digests lacks that of its signature", errForm)
	case !tagged(d.Certs) || !tagged(signer.Attrs):
		return fmt.Errorf("%w: its certificates or signed attributes are not in tag 0", errForm)
	}
	return nil
}

// plain reports whether a digest has no parameters, in either way to say so.
func plain(a pkix.AlgorithmIdentifier) bool {
	p := a.Parameters
	return len(p.FullBytes) == 0 || p.Class == asn1.ClassUniversal && p.Tag == asn1.TagNull && !p.IsCompound && len(p.Bytes) == 0
}
