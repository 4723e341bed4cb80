package ptp

import (
	"errors"
	"fmt"
	"os"

	"github.com/custodock/custodock/device"
)

// operation is the code of a question (ISO 15740, 10.4; MTP 1.1, annex D).
type operation uint16

const (
	opDeviceInfo    operation = 0x1001
	opOpenSession   operation = 0x1002
	opCloseSession  operation = 0x1003
	opStorageIDs    operation = 0x1004
	opStorageInfo   operation = 0x1005
	opObjectHandles operation = 0x1007
	opObjectInfo    operation = 0x1008
	opObject        operation = 0x1009
	opPartial       operation = 0x101B
	opPropValue     operation = 0x9803 // MTP: GetObjectPropValue
	opPropList      operation = 0x9805 // MTP: GetObjectPropList
	opPartial64     operation = 0x95C1 // android.com: GetPartialObject64
)

// operations is everything that can be asked of a device, and whether data come
// with the answer. None of it writes: there is no other way to a pipe than
// wire.begin, and that asks here.
var operations = map[operation]bool{
	opDeviceInfo: true, opOpenSession: false, opCloseSession: false, opStorageIDs: true, opStorageInfo: true,
	opObjectHandles: true, opObjectInfo: true, opObject: true, opPartial: true, opPropValue: true, opPropList: true,
	opPartial64: true,
}

// Response codes (ISO 15740, 11.3).
const (
	respOK             = 0x2001
	respNotOpen        = 0x2003
	respBadTransaction = 0x2004
	respUnsupported    = 0x2005
	respIncomplete     = 0x2007
	respBadStorage     = 0x2008
	respBadHandle      = 0x2009
	respDenied         = 0x200F
	respNoStore        = 0x2013
	respBadParent      = 0x201A
	respBusy           = 0x2019
	respAlreadyOpen    = 0x201E
	respCancelled      = 0x201F
)

var responseWords = map[uint16]string{
	0x2002: "general error", respNotOpen: "session not open", respBadTransaction: "invalid transaction",
	respUnsupported: "operation not supported", 0x2006: "parameter not supported", respIncomplete: "incomplete transfer",
	respBadStorage: "invalid storage", respBadHandle: "no such object", respDenied: "access denied",
	respNoStore: "storage not available", respBadParent: "no such folder", respBusy: "busy", respAlreadyOpen: "session already open",
	respCancelled: "transaction cancelled", 0xA801: "invalid object property",
}

// responseError is an answer other than OK. The device is in order.
type responseError uint16

func (e responseError) Error() string {
	if words := responseWords[uint16(e)]; words != "" {
		return fmt.Sprintf("the camera answers %#04x, %s", uint16(e), words)
	}
	return fmt.Sprintf("the camera answers %#04x", uint16(e))
}

// Is gives answers the meaning that errors of a file system have.
func (e responseError) Is(target error) bool {
	switch e {
	case respBadHandle, respBadParent:
		return target == os.ErrNotExist
	case respDenied:
		return target == os.ErrPermission
	}
	return false
}

// answered reports whether err is the answer code.
func answered(err error, code uint16) bool {
	var got responseError
	return errors.As(err, &got) && uint16(got) == code
}

func isGone(err error) bool { return errors.Is(err, device.ErrGone) }
