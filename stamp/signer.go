package stamp

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // certificates are named by it in old replies
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

var (
	oidSHA384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}

	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
)

// tagSubjectKeyID tells the second choice of SignerIdentifier.
const tagSubjectKeyID = 0

var (
	errSignature = errors.New("its signature does not hold")
	errSigner    = errors.New("the certificate that signed it is not for time stamps")
)

type signerInfo struct {
	Version   int
	ID        asn1.RawValue
	Digest    pkix.AlgorithmIdentifier
	Attrs     asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

type attribute struct {
	Type   asn1.ObjectIdentifier
	Values []asn1.RawValue `asn1:"set"`
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

func hashOf(oid asn1.ObjectIdentifier) crypto.Hash {
	switch {
	case oid.Equal(oidSHA256):
		return crypto.SHA256
	case oid.Equal(oidSHA384):
		return crypto.SHA384
	case oid.Equal(oidSHA512):
		return crypto.SHA512
	}
	return 0
}

func sum(h crypto.Hash, data []byte) []byte {
	d := h.New()
	_, _ = d.Write(data)
	return d.Sum(nil)
}

// verify returns the certificate whose key signed content, by way of the signed
// attributes: what stands outside of them is covered by nothing.
func (s signerInfo) verify(certs []*x509.Certificate, content []byte) (*x509.Certificate, error) {
	cert := s.find(certs)
	if cert == nil {
		return nil, fmt.Errorf("%w: the certificate of its signer is not in it", errForm)
	}
	hash := hashOf(s.Digest.Algorithm)
	if hash == 0 {
		return nil, fmt.Errorf("%w: it digests by %v, which is not supported", errSignature, s.Digest.Algorithm)
	}
	attrs, err := s.attributes()
	if err != nil {
		return nil, err
	}
	var kind asn1.ObjectIdentifier
	var digest []byte
	if err := attrs.one(oidContentType, &kind); err != nil || !kind.Equal(oidTSTInfo) {
		return nil, fmt.Errorf("%w: what is signed is not said to be a time stamp", errSignature)
	}
	if err := attrs.one(oidMessageDigest, &digest); err != nil || !bytes.Equal(digest, sum(hash, content)) {
		return nil, fmt.Errorf("%w: what is signed was changed", errSignature)
	}
	if err := attrs.names(cert); err != nil {
		return nil, err
	}
	algorithm := s.algorithm(cert, hash)
	if algorithm == x509.UnknownSignatureAlgorithm {
		return nil, fmt.Errorf("%w: algorithm %v of a %v key is not supported", errSignature, s.Algorithm.Algorithm, cert.PublicKeyAlgorithm)
	}
	// They are signed as a SET, whose tag the message leaves out (RFC 5652, 5.4).
	signed := bytes.Clone(s.Attrs.FullBytes)
	signed[0] = asn1.TagSet | 0x20
	if err := cert.CheckSignature(algorithm, signed, s.Signature); err != nil {
		return nil, fmt.Errorf("%w: %w", errSignature, err)
	}
	return cert, nil
}

// find looks for the certificate that the signer says is its own.
func (s signerInfo) find(certs []*x509.Certificate) *x509.Certificate {
	if s.ID.Class == asn1.ClassContextSpecific && s.ID.Tag == tagSubjectKeyID {
		for _, c := range certs {
			if len(c.SubjectKeyId) > 0 && bytes.Equal(c.SubjectKeyId, s.ID.Bytes) {
				return c
			}
		}
		return nil
	}
	var id issuerAndSerial
	if rest, err := asn1.Unmarshal(s.ID.FullBytes, &id); err != nil || len(rest) > 0 {
		return nil
	}
	for _, c := range certs {
		if bytes.Equal(c.RawIssuer, id.Issuer.FullBytes) && c.SerialNumber.Cmp(id.Serial) == 0 {
			return c
		}
	}
	return nil
}

// algorithm is how the key signs; which digest it signs is said twice, and must
// be the same.
func (s signerInfo) algorithm(cert *x509.Certificate, hash crypto.Hash) x509.SignatureAlgorithm {
	type way struct {
		key  x509.PublicKeyAlgorithm
		hash crypto.Hash
	}
	known := map[string]way{
		"1.2.840.113549.1.1.1":  {x509.RSA, hash},
		"1.2.840.113549.1.1.11": {x509.RSA, crypto.SHA256},
		"1.2.840.113549.1.1.12": {x509.RSA, crypto.SHA384},
		"1.2.840.113549.1.1.13": {x509.RSA, crypto.SHA512},
		"1.2.840.10045.2.1":     {x509.ECDSA, hash},
		"1.2.840.10045.4.3.2":   {x509.ECDSA, crypto.SHA256},
		"1.2.840.10045.4.3.3":   {x509.ECDSA, crypto.SHA384},
		"1.2.840.10045.4.3.4":   {x509.ECDSA, crypto.SHA512},
		"1.3.101.112":           {x509.Ed25519, crypto.SHA512},
	}
	w, ok := known[s.Algorithm.Algorithm.String()]
	if !ok || w.key != cert.PublicKeyAlgorithm || w.hash != hash {
		return x509.UnknownSignatureAlgorithm
	}
	return map[way]x509.SignatureAlgorithm{
		{x509.RSA, crypto.SHA256}: x509.SHA256WithRSA, {x509.RSA, crypto.SHA384}: x509.SHA384WithRSA, {x509.RSA, crypto.SHA512}: x509.SHA512WithRSA,
		{x509.ECDSA, crypto.SHA256}: x509.ECDSAWithSHA256, {x509.ECDSA, crypto.SHA384}: x509.ECDSAWithSHA384, {x509.ECDSA, crypto.SHA512}: x509.ECDSAWithSHA512,
		{x509.Ed25519, crypto.SHA512}: x509.PureEd25519,
	}[w]
}
