package usb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Bounds of the parser. The kernel takes no more than 8 configurations and 32
// interfaces in each, and 128 settings of one interface.
const (
	maxDescriptors    = 128 << 10 // bytes of one device
	maxConfigurations = 8
	maxInterfaces     = 32
	maxSettings       = 1024 // of all interfaces together
)

// Descriptor types, table 9-5 of the USB 2.0 specification.
const (
	typeDevice        = 1
	typeConfiguration = 2
	typeInterface     = 4
)

var errDescriptors = errors.New("USB descriptors are damaged")

// descriptors is what the binary descriptors of a device say.
type descriptors struct {
	class           uint8
	vendor, product uint16
	interfaces      []Interface // of all configurations
}

// parseDescriptors reads the file `descriptors` of a device: the device
// descriptor (USB 2.0, 9.6.1), then each configuration descriptor (9.6.3) with
// all that follows it, of which only interface descriptors (9.6.5) matter here.
//
// It goes by the length of each descriptor and not by wTotalLength: the kernel
// cuts what follows a configuration at the first descriptor of impossible length
// but leaves the bytes of the total as the device sent them. An error comes with
// what was understood before it.
func parseDescriptors(b []byte) (descriptors, error) {
	var d descriptors
	if len(b) > maxDescriptors {
		return d, fmt.Errorf("%w: %d bytes", errDescriptors, len(b))
	}
	if len(b) < 18 || b[0] < 18 || int(b[0]) > len(b) || b[1] != typeDevice {
		return d, fmt.Errorf("%w: no device descriptor", errDescriptors)
	}
	d.class = b[4]
	d.vendor, d.product = binary.LittleEndian.Uint16(b[8:]), binary.LittleEndian.Uint16(b[10:])

	config, configs, settings := uint8(0), 0, 0
	for b = b[b[0]:]; len(b) > 0; b = b[b[0]:] {
		if len(b) < 2 || b[0] < 2 || int(b[0]) > len(b) {
			return d, fmt.Errorf("%w: a descriptor of impossible length", errDescriptors)
		}
		switch b[1] {
		case typeConfiguration:
			if configs++; b[0] < 9 || configs > maxConfigurations {
				return d, fmt.Errorf("%w: configuration %d", errDescriptors, configs)
			}
			config = b[5]
		case typeInterface:
			if b[0] < 9 {
				continue // the kernel skips it too
			}
			if settings++; configs == 0 || settings > maxSettings {
				return d, fmt.Errorf("%w: interface descriptor %d", errDescriptors, settings)
			}
			if err := d.add(config, b[2], Kind{b[5], b[6], b[7]}); err != nil {
				return d, err
			}
		}
	}
	return d, nil
}

// add takes one setting of an interface. The first setting that is listed says
// what the interface is, the others what it can become.
func (d *descriptors) add(config, number uint8, k Kind) error {
	in := 0
	for i := range d.interfaces {
		f := &d.interfaces[i]
		if f.Config != config {
			continue
		}
		if f.Number == number {
			f.also(k)
			return nil
		}
		in++
	}
	if in >= maxInterfaces {
		return fmt.Errorf("%w: more than %d interfaces", errDescriptors, maxInterfaces)
	}
	d.interfaces = append(d.interfaces, Interface{Config: config, Number: number, Kind: k})
	return nil
}

// also notes that a setting of i is of kind k.
func (i *Interface) also(k Kind) {
	if k != i.Kind && !slices.Contains(i.Others, k) {
		i.Others = append(i.Others, k)
	}
}
