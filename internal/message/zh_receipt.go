package message

// chineseReceipt is what receipts say to a person, and what is said of looking at clips.
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
	"cmd.view":            "输出片段内容；查看一事先写入日志",
	"flag.reason.view":    "查看理由，写入日志",
	"flag.range":          "只输出字节 `A-B`（首尾均含）或 A-",
	"show.range":          "字节 %s",
	"view.part":           "只输出了一部分，无法与片段的摘要比对。",
	"cmd.audit":           "人人可复现的抽查、缺失检查与调阅记录",
	"cmd.audit.sample":    "按公开种子抽取待查片段：持有日志者均得到相同结果",
	"flag.seed":           "众所周知且无人可选定的 `TEXT`，在片段产生之后抽定",
	"flag.rate":           "抽取比例：0.05，或以百分数表示",
	"flag.size":           "只从前 `N` 个条目中抽取，与先前一次相同",
	"audit.drawn":         "抽中 %d 个（共 %d 个片段），取自前 %d 个条目，日志 %s。日后复现请加 --size %d。",
}
