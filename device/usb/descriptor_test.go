package usb

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescriptors(t *testing.T) {
	composite := encode(gadget{id: "0525:a4a5", kinds: []Kind{storage, keyboard}})
	configuration := func(value uint8) []byte { return []byte{9, typeConfiguration, 255, 255, 1, value, 0, 0x80, 50} }
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	device := composite[:18]
	many := join(device, configuration(1))
	for i := range maxInterfaces {
		many = append(many, setting(uint8(i), 0, storage)...)
	}
	configs := device
	for i := range maxConfigurations {
		configs = join(configs, configuration(uint8(i+1)))
	}
	one := []Interface{{Config: 1, Kind: storage}}

	for name, tt := range map[string]struct {
		raw     []byte
		want    []Interface
		damaged bool
	}{
		"composite": {composite, []Interface{{Config: 1, Kind: storage}, {Config: 1, Number: 1, Kind: keyboard}}, false},
		"two configurations": {join(device, configuration(1), setting(0, 0, storage), configuration(2), setting(0, 0, keyboard)),
			[]Interface{{Config: 1, Kind: storage}, {Config: 2, Kind: keyboard}}, false},
		"other settings": {join(device, configuration(1), setting(0, 0, storage), setting(0, 1, uas), setting(0, 2, uas)),
			[]Interface{{Config: 1, Kind: storage, Others: []Kind{uas}}}, false},
		"device alone":           {device, nil, false},
		"unknown kinds":          {join(device, configuration(1), []byte{2, 0xcc, 3, 0xdd, 0}, setting(0, 0, storage)), one, false},
		"short interface":        {join(device, configuration(1), []byte{5, typeInterface, 0, 0, 0}, setting(0, 0, storage)), one, false},
		"empty":                  {nil, nil, true},
		"short":                  {device[:17], nil, true},
		"another first":          {configuration(1), nil, true},
		"device that is longer":  {join([]byte{200}, device[1:]), nil, true},
		"length zero":            {join(device, configuration(1), setting(0, 0, storage), []byte{0, 4}), one, true},
		"length one":             {join(device, configuration(1), setting(0, 0, storage), []byte{1}), one, true},
		"past the end":           {join(device, configuration(1), setting(0, 0, storage), []byte{9, 4, 0, 0}), one, true},
		"no configuration":       {join(device, setting(0, 0, storage)), nil, true},
		"short configuration":    {join(device, []byte{8, typeConfiguration, 0, 0, 1, 1, 0, 0}), nil, true},
		"too many configuration": {join(configs, configuration(9)), nil, true},
		"huge":                   {append(device, make([]byte, maxDescriptors)...), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := parseDescriptors(tt.raw)
			if damaged := errors.Is(err, errDescriptors); damaged != tt.damaged || (err != nil) != tt.damaged {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, d.interfaces); diff != "" {
				t.Error(diff)
			}
		})
	}
	if d, err := parseDescriptors(many); err != nil || len(d.interfaces) != maxInterfaces {
		t.Errorf("as many interfaces as the kernel takes: %d, %v", len(d.interfaces), err)
	}
	if _, err := parseDescriptors(join(many, setting(77, 0, storage))); err == nil {
		t.Error("more interfaces than the kernel takes")
	}
	if d, _ := parseDescriptors(composite); d.vendor != 0x0525 || d.product != 0xa4a5 {
		t.Errorf("%04x:%04x", d.vendor, d.product)
	}
}

func FuzzDescriptors(f *testing.F) {
	f.Add(encode(gadget{id: "0525:a4a5", kinds: []Kind{storage, keyboard}}))
	f.Add(encode(gadget{id: "05e3:0608", class: "09", kinds: []Kind{hub}}))
	f.Add([]byte{18, 1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseDescriptors(b)
		if err != nil && !errors.Is(err, errDescriptors) {
			t.Fatal(err)
		}
		for i, a := range d.interfaces {
			if len(a.Others) > len(b)/9 {
				t.Fatalf("%d settings in %d bytes", len(a.Others), len(b))
			}
			for _, o := range d.interfaces[:i] {
				if o.Config == a.Config && o.Number == a.Number {
					t.Fatalf("interface %d of configuration %d twice", a.Number, a.Config)
				}
			}
		}
	})
}
