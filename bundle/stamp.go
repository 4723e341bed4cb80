package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"
)

// The parts of a time-stamp reply that tell when and over what (RFC 3161, section
// 2.4.2; RFC 5652, section 5). What follows them in a sequence is not looked at.
type (
	stampReply struct {
		Status asn1.RawValue
		Token  stampToken
	}
	stampToken struct {
		Type    asn1.ObjectIdentifier
		Content stampSigned `asn1:"explicit,tag:0"`
	}
	stampSigned struct {
		Version    int
		Algorithms asn1.RawValue
		Content    stampContent
	}
	stampContent struct {
		Type asn1.ObjectIdentifier
		Info []byte `asn1:"explicit,tag:0"`
	}
	stampInfo struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint stampImprint
		Serial  asn1.RawValue
		Time    asn1.RawValue
	}
	stampImprint struct {
		Algorithm asn1.RawValue
		Digest    []byte
	}
)

var stampInfoType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}

// stampTime reads the time out of a reply over data. Nobody's signature is
// checked: that takes the authority's certificates, which the auditor has.
func stampTime(reply, data []byte) (time.Time, error) {
	var r stampReply
	var info stampInfo
	_, err := asn1.Unmarshal(reply, &r)
	if err == nil {
		_, err = asn1.Unmarshal(r.Token.Content.Content.Info, &info)
	}
	sum := sha256.Sum256(data)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("time stamp: %w", err)
	case !r.Token.Content.Content.Type.Equal(stampInfoType):
		return time.Time{}, errors.New("time stamp: the reply holds something else")
	case !bytes.Equal(info.Imprint.Digest, sum[:]):
		return time.Time{}, errors.New("time stamp: it is over other bytes")
	case info.Time.Tag != asn1.TagGeneralizedTime:
		return time.Time{}, errors.New("time stamp: it tells no time")
	}
	at, err := time.Parse("20060102150405.999999999Z", string(info.Time.Bytes))
	if err != nil {
		return time.Time{}, fmt.Errorf("time stamp: %w", err)
	}
	return at, nil
}
