package usb

import "fmt"

// Model is what the device says it is.
func (d Device) Model() ID { return ID{d.Vendor, d.Product} }

// String gives the form that ParseID reads.
func (id ID) String() string { return fmt.Sprintf("%04x:%04x", id.Vendor, id.Product) }
