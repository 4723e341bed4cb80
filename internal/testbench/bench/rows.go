package main

import "github.com/custodock/custodock/internal/testbench"

// rows are those of the table, in its order.
func rows() []Row {
	return []Row{
		large(),
		largeTo(testbench.VersityGW),
		largeTo(testbench.MinIO),
		smallTo(),
		small(),
		manyCameras(),
		longClip(),
		waiting(),
		verifying("8 large", 8, 512),
		verifying("8 medium", 64, 64),
		longLog(),
		packaging(),
		printing(),
		uplink(),
		oneClip(),
		sm3(),
		cold(),
	}
}

// The names of sides that bars speak of.
const (
	ours   = "custodock"
	byHand = "by hand"
	hashes = "hash only"
	copies = "copy and fsync"
	upload = "upload only"
	noLog  = "without a log"
	rclone = "rclone"
	minioC = "mc"
)

// wall is how many seconds one side takes for one second of another.
func wall(side, of string) func(Round) float64 {
	return func(r Round) float64 { return r[side].Seconds / r[of].Seconds }
}
