package stamp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"testing"
)

// FuzzParse: nothing that an authority sends makes the parser panic, and what it
// accepts has what the rest of the program takes for granted.
func FuzzParse(f *testing.F) {
	reply, err := os.ReadFile("testdata/reply.tsr")
	if err != nil {
		f.Fatal(err)
	}
	root, err := os.ReadFile("testdata/root.pem")
	if err != nil {
		f.Fatal(err)
	}
	roots, err := ParseRoots(root)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(reply)
	f.Add(reply[:len(reply)/2])
	f.Add([]byte{0x30, 0x80, 0x30, 0x80})
	f.Add([]byte{0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02})
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := Parse(in)
		if err != nil {
			return
		}
		if s.signer == nil || s.Time.IsZero() || len(s.digest) != s.hash.Size() || s.Accuracy < 0 {
			t.Errorf("%+v", s)
		}
		_ = s.Over(in)
		_, _ = s.Chain(roots)
		_ = s.Authority()
	})
}

// TestNested: what nests as deep as a reply is long is refused, without a stack
// as deep.
func TestNested(t *testing.T) {
	in := make([]byte, MaxReply)
	for i := range in {
		in[i] = []byte{0x30, 0x80}[i%2]
	}
	if _, err := Parse(in); err == nil {
		t.Error("accepted")
	}
	if _, err := Parse(make([]byte, MaxReply+1)); err == nil {
		t.Error("what is too long is accepted")
	}
}

// TestPurpose: a certificate must be for time stamps alone, and say so critically.
func TestPurpose(t *testing.T) {
	serverAuth := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	for _, c := range []struct {
		name     string
		uses     []asn1.ObjectIdentifier
		critical bool
		good     bool
	}{
		{"as it should be", []asn1.ObjectIdentifier{oidTimeStamping}, true, true},
		{"not critical", []asn1.ObjectIdentifier{oidTimeStamping}, false, false},
		{"two purposes", []asn1.ObjectIdentifier{oidTimeStamping, serverAuth}, true, false},
		{"another purpose", []asn1.ObjectIdentifier{serverAuth}, true, false},
		{"none", nil, false, false},
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}}
		if c.uses != nil {
			value, err := asn1.Marshal(c.uses)
			if err != nil {
				t.Fatal(err)
			}
			template.ExtraExtensions = []pkix.Extension{{Id: oidExtKeyUsage, Critical: c.critical, Value: value}}
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := forStamps(cert); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestNames: what is signed must name the certificate, by whichever digest.
func TestNames(t *testing.T) {
	reply, err := os.ReadFile("testdata/reply.tsr")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(reply)
	if err != nil {
		t.Fatal(err)
	}
	type id struct {
		Digest []byte
	}
	attr := func(oid asn1.ObjectIdentifier, digest []byte) attributes {
		der, err := asn1.Marshal(struct{ Certs []id }{[]id{{digest}}})
		if err != nil {
			t.Fatal(err)
		}
		return attributes{{Type: oid, Values: []asn1.RawValue{{FullBytes: der}}}}
	}
	right, old := sum(crypto.SHA256, s.signer.Raw), sum(crypto.SHA1, s.signer.Raw)
	for name, c := range map[string]struct {
		attrs attributes
		good  bool
	}{
		"by SHA-256":           {attr(oidSigningCertV2, right), true},
		"by SHA-1, as of old":  {attr(oidSigningCert, old), true},
		"another certificate":  {attr(oidSigningCertV2, sum(crypto.SHA256, []byte("x"))), false},
		"another one by SHA-1": {attr(oidSigningCert, right), false},
		"none at all":          {nil, false},
		"twice":                {append(attr(oidSigningCertV2, right), attr(oidSigningCertV2, right)...), false},
	} {
		if err := c.attrs.names(s.signer); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
