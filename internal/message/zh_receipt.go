package message

// chineseReceipt is what an undock receipt says to a person.
var chineseReceipt = map[string]string{
	"receipt.safe.one":    "%d 个片段已安全存于本采集站，%s。",
	"receipt.safe.many":   "%d 个片段已安全存于本采集站，%s。",
	"receipt.missed.one":  "%d 个文件只在设备上。",
	"receipt.missed.many": "%d 个文件只在设备上。",
	"receipt.unended":     "设备未读取完毕。",
	"receipt.central":     "中心存储：%d 个已核实，%d 个已存储，%d 个等待中。",
	"receipt.keep":        "请保留设备上的片段。",
	"receipt.all":         "中心存储已有全部片段，并已逐一完整读回核实。",
	"cmd.receipt":         "出具签名回执：某采集位或设备最近一次接入中已安全的内容",
	"flag.note":           "只输出签名文本，供 verify 核验",
	"err.no_docking":      "没有这次接入",
}
