package message

// chinesePackage is what is said of evidence packages.
var chinesePackage = map[string]string{
	"export.left":      "同一段录音录像的其他部分，未包含在证据包中：%s",
	"export.check.zip": "核验方法：custodock verify %s --key %s",
	"flag.zip":         "写成一个以 .zip 结尾的压缩包文件",
}
