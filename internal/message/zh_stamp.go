package message

// chineseStamp is englishStamp in Chinese.
var chineseStamp = map[string]string{
	"cmd.log.stamp":       "立即由时间戳服务机构为日志加盖时间戳",
	"stamp.made":          "前 %d 条记录已由 %s 加盖时间戳，时间 %s；其证书有效期至 %s。",
	"stamp.last":          "此后没有新记录：前 %d 条记录由 %s 加盖时间戳，时间 %s；其证书有效期至 %s。",
	"stamp.cosigned":      "前 %d 条记录已由见证方共同签名，尚无时间戳。",
	"err.no_tsa":          "未配置时间戳服务机构：请在 tsa 下指定",
	"alarm.tsa_silent":    "已有一天没有时间戳",
	"alarm.tsa_silent.do": "片段仍然安全并已入日志。请检查能否连接时间戳服务机构，以及根证书是否正确。",
}
