package stamp

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// MaxReply bounds a reply, in bytes. Those in use have three to ten thousand.
const MaxReply = 64 << 10

// mostCerts bounds the certificates of one reply.
const mostCerts = 16

// ErrRefused is wrapped when an authority answered that it gives no stamp.
var ErrRefused = errors.New("the authority refuses")

// errForm is wrapped by what is no reply at all.
var errForm = errors.New("it is no RFC 3161 reply in DER")

var (
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
)

type timeStampResp struct {
	Status struct {
		Status int
		Text   []asn1.RawValue `asn1:"optional"`
		Fail   asn1.BitString  `asn1:"optional"`
	}
	Token contentInfo `asn1:"optional"`
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue // a signedData in tag 0
}

// signedData is that of CMS (RFC 5652).
type signedData struct {
	Version int
	Digests []pkix.AlgorithmIdentifier `asn1:"set"`
	Content struct {
		Type asn1.ObjectIdentifier
		Info asn1.RawValue // an OCTET STRING in tag 0
	}
	Certs   asn1.RawValue `asn1:"optional,tag:0"`
	CRLs    asn1.RawValue `asn1:"optional,tag:1"`
	Signers []signerInfo  `asn1:"set"`
}

type tstInfo struct {
	Version    int
	Policy     asn1.ObjectIdentifier
	Imprint    imprint
	Serial     *big.Int
	Time       time.Time `asn1:"generalized"`
	Accuracy   accuracy  `asn1:"optional"`
	Ordering   bool      `asn1:"optional"`
	Nonce      *big.Int  `asn1:"optional"`
	TSA        asn1.RawValue
	Extensions []pkix.Extension
}

type accuracy struct {
	Seconds int64 `asn1:"optional"`
	Millis  int64 `asn1:"optional,tag:0"`
	Micros  int64 `asn1:"optional,tag:1"`
}

// Stamp is a reply whose signature holds. Whether the one who signed is to be
// believed only Chain tells.
type Stamp struct {
	Time     time.Time     // that the authority says
	Accuracy time.Duration // around it, 0 where the authority says none
	Serial   string        // of the stamp, in decimal
	Policy   string        // object identifier under which it was given

	hash   crypto.Hash
	digest []byte
	nonce  *big.Int
	signer *x509.Certificate
	certs  []*x509.Certificate // all that came with it
}

// Parse reads a reply and checks all that takes nothing but the reply. The
// errors are one line and say what is off.
func Parse(reply []byte) (*Stamp, error) {
	if len(reply) > MaxReply {
		return nil, fmt.Errorf("%w: it has more than %d bytes", errForm, MaxReply)
	}
	var r timeStampResp
	rest, err := asn1.Unmarshal(reply, &r)
	switch {
	case err == nil && r.Status.Status > 1:
		return nil, fmt.Errorf("%w: status %d%s", ErrRefused, r.Status.Status, failure(r.Status.Fail))
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errForm, err)
	case len(rest) > 0:
		return nil, fmt.Errorf("%w: bytes follow it", errForm)
	case r.Status.Status < 0 || !r.Token.Type.Equal(oidSignedData):
		return nil, fmt.Errorf("%w: it holds no time stamp", errForm)
	}
	signed, info, err := open(r.Token.Content)
	if err != nil {
		return nil, err
	}
	s, err := parseInfo(info)
	if err != nil {
		return nil, err
	}
	if s.certs, err = parseCerts(signed.Certs); err != nil {
		return nil, err
	}
	if len(signed.Signers) != 1 {
		return nil, fmt.Errorf("%w: it has %d signatures instead of one", errForm, len(signed.Signers))
	}
	if s.signer, err = signed.Signers[0].verify(s.certs, info); err != nil {
		return nil, err
	}
	if err := signed.form(); err != nil {
		return nil, err
	}
	return s, forStamps(s.signer)
}

// failures are the reasons of PKIFailureInfo that RFC 3161 gives an authority.
var failures = map[int]string{
	0: "badAlg", 2: "badRequest", 5: "badDataFormat", 14: "timeNotAvailable", 15: "unacceptedPolicy",
	16: "unacceptedExtension", 17: "addInfoNotAvailable", 25: "systemFailure",
}

func failure(bits asn1.BitString) string {
	for i := range min(bits.BitLength, 32) {
		if bits.At(i) == 1 && failures[i] != "" {
			return " (" + failures[i] + ")"
		}
	}
	return ""
}

// parseInfo reads what is signed. TSA and Extensions stand behind optional
// fields and are looked for by hand: encoding/asn1 takes no explicit choice.
func parseInfo(der []byte) (*Stamp, error) {
	info, err := unmarshalInfo(der)
	if err != nil {
		return nil, fmt.Errorf("%w: what is signed is no TSTInfo: %w", errForm, err)
	}
	s := &Stamp{
		Time: info.Time.UTC(), Policy: info.Policy.String(), Serial: info.Serial.String(),
		hash: hashOf(info.Imprint.Hash.Algorithm), digest: info.Imprint.Digest, nonce: info.Nonce,
	}
	a := info.Accuracy
	const day = 24 * 60 * 60
	if a.Seconds < 0 || a.Seconds > day || a.Millis < 0 || a.Millis > 999 || a.Micros < 0 || a.Micros > 999 {
		return nil, fmt.Errorf("%w: its accuracy is out of all bounds", errForm)
	}
	s.Accuracy = time.Duration(a.Seconds)*time.Second + time.Duration(a.Millis)*time.Millisecond + time.Duration(a.Micros)*time.Microsecond
	switch {
	case info.Version != 1:
		return nil, fmt.Errorf("%w: version %d of TSTInfo", errForm, info.Version)
	case s.hash == 0:
		return nil, fmt.Errorf("%w: it is over a digest by %v, which is not supported", errForm, info.Imprint.Hash.Algorithm)
	case len(s.digest) != s.hash.Size():
		return nil, fmt.Errorf("%w: its digest has %d bytes", errForm, len(s.digest))
	case slices.ContainsFunc(info.Extensions, func(e pkix.Extension) bool { return e.Critical }):
		return nil, fmt.Errorf("%w: it has a critical extension, which is not supported", errForm)
	}
	return s, nil
}

// unmarshalInfo splits a TSTInfo into what ends with the nonce, and the two
// tagged fields behind it.
func unmarshalInfo(der []byte) (tstInfo, error) {
	var info tstInfo
	var whole asn1.RawValue
	rest, err := asn1.Unmarshal(der, &whole)
	if err != nil {
		return info, err
	}
	if len(rest) > 0 || whole.Tag != asn1.TagSequence || whole.Class != asn1.ClassUniversal {
		return info, asn1.StructuralError{Msg: "not one sequence"}
	}
	rest = whole.Bytes
	for _, field := range []struct {
		into     any
		params   string
		tag      int // of an optional one that is not universal, else that of its type
		class    int
		optional bool
	}{
		{into: &info.Version}, {into: &info.Policy}, {into: &info.Imprint}, {into: &info.Serial},
		{into: &info.Time, params: "generalized"},
		{into: &info.Accuracy, tag: asn1.TagSequence, optional: true},
		{into: &info.Ordering, tag: asn1.TagBoolean, optional: true},
		{into: &info.Nonce, tag: asn1.TagInteger, optional: true},
		{into: &info.TSA, tag: 0, class: asn1.ClassContextSpecific, optional: true},
		{into: &info.Extensions, params: "tag:1", tag: 1, class: asn1.ClassContextSpecific, optional: true},
	} {
		if field.optional {
			var next asn1.RawValue
			if len(rest) == 0 {
				break
			}
			if _, err := asn1.Unmarshal(rest, &next); err != nil {
				return info, err
			}
			if next.Tag != field.tag || next.Class != field.class {
				continue
			}
		}
		if rest, err = asn1.UnmarshalWithParams(rest, field.into, field.params); err != nil {
			return info, err
		}
	}
	if len(rest) > 0 {
		return info, asn1.StructuralError{Msg: "fields follow it"}
	}
	return info, nil
}

func parseCerts(bag asn1.RawValue) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	rest := bag.Bytes
	for n := 0; len(rest) > 0; n++ {
		var one asn1.RawValue
		var err error
		if n == mostCerts {
			return nil, fmt.Errorf("%w: it brings more than %d certificates", errForm, mostCerts)
		}
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			return nil, fmt.Errorf("%w: its certificates cannot be read: %w", errForm, err)
		}
		// Other kinds may stand beside them, and certificates of others that
		// are not in order; whoever signed must be among those that are.
		if c, err := x509.ParseCertificate(one.FullBytes); err == nil {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: it brings no certificate", errForm)
	}
	return out, nil
}
