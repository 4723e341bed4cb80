// Package qemu boots Debian's own kernel in QEMU with the program under test,
// and plugs real emulated USB hardware into it: disks with any file system,
// slow ones and ones with bad sectors, hubs, MTP devices, and gadgets with a
// vendor, product and serial of the test's choosing. It needs no KVM and no
// root; `tools/need.sh usb` brings QEMU and the kernel.
//
// An Image is booted once and frozen. Each Machine starts from there, in about
// a second, and belongs to one test.
package qemu
