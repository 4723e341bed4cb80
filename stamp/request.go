// Package stamp reads time stamps (RFC 3161): that some bytes existed at a time
// that an authority of others has signed. It makes requests and checks replies;
// it uses no network, so that a proof needs none.
//
// Replies are read as DER with encoding/asn1 and nothing else, and an authority
// may choose each of their bytes: what is not checked here is not believed.
//
//	Parse   the form, the status, the signature, that the certificate that signed
//	        is named in what is signed (RFC 5035) and is for time stamps alone
//	Over    that it is over these bytes
//	Answers that it is the reply to this request
//	Chain   that the certificate leads to a root, at the time of the stamp
package stamp

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

var oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}

// imprint is MessageImprint of RFC 3161.
type imprint struct {
	Hash   pkix.AlgorithmIdentifier
	Digest []byte
}

type timeStampReq struct {
	Version int
	Imprint imprint
	Policy  asn1.ObjectIdentifier `asn1:"optional"`
	Nonce   *big.Int
	CertReq bool
}

// Request asks for a stamp over the SHA-256 of some bytes. The reply must carry
// its nonce and the certificates of the authority.
type Request struct {
	digest [sha256.Size]byte
	policy asn1.ObjectIdentifier
	nonce  *big.Int
}

// NewRequest makes a request for data with a fresh nonce. policy is an object
// identifier in dotted form, "" for the authority's own choice.
func NewRequest(data []byte, policy string) (Request, error) {
	var nonce [8]byte
	_, _ = rand.Read(nonce[:])    // it never fails
	nonce[0] = nonce[0]&0x7f | 64 // positive, and always as long
	r := Request{digest: sha256.Sum256(data), nonce: new(big.Int).SetBytes(nonce[:])}
	if policy != "" {
		var err error
		if r.policy, err = ParsePolicy(policy); err != nil {
			return Request{}, err
		}
	}
	return r, nil
}

// DER is the TimeStampReq to send.
func (r Request) DER() ([]byte, error) {
	return asn1.Marshal(timeStampReq{
		Version: 1,
		Imprint: imprint{Hash: pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: asn1.NullRawValue}, Digest: r.digest[:]},
		Policy:  r.policy, Nonce: r.nonce, CertReq: true,
	})
}

// ParsePolicy reads an object identifier such as 1.3.6.1.4.1.13762.3.
func ParsePolicy(s string) (asn1.ObjectIdentifier, error) {
	var oid asn1.ObjectIdentifier
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil || n < 0 || len(part) > 1 && part[0] == '0' {
			return nil, fmt.Errorf("policy %q: write an object identifier such as 1.3.6.1.4.1.13762.3", s)
		}
		oid = append(oid, int(n))
	}
	if _, err := asn1.Marshal(oid); err != nil {
		return nil, fmt.Errorf("policy %q: write an object identifier such as 1.3.6.1.4.1.13762.3", s)
	}
	return oid, nil
}
