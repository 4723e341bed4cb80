package message

// chineseStamp is englishStamp in Chinese.
var chineseStamp = map[string]string{
	"cmd.log.stamp":                "立即由时间戳服务机构为日志加盖时间戳",
	"stamp.made":                   "前 %d 条记录已由 %s 加盖时间戳，时间 %s；其证书有效期至 %s。",
	"stamp.last":                   "此后没有新记录：前 %d 条记录由 %s 加盖时间戳，时间 %s；其证书有效期至 %s。",
	"stamp.cosigned":               "前 %d 条记录已由见证方共同签名，尚无时间戳。",
	"stamp.before":                 "入日志时间早于 %s",
	"stamp.after":                  "入日志时间晚于 %s",
	"stamp.between":                "入日志时间在 %s 与 %s 之间",
	"stamp.by":                     "，时间戳由 %s 加盖，有效期至 %s",
	"stamp.by.ended":               "，时间戳由 %s 加盖，其证书已于 %s 到期，此前未再续盖",
	"show.stamped":                 "时间戳",
	"flag.tsa_roots":               "时间戳服务机构根证书的 PEM 文件 `FILE`；不给出则不核对证书链",
	"verify.stamps.one":            "%d 个时间戳，由 %s 加盖，自 %s 至 %s，可追溯至给出的根证书。",
	"verify.stamps.many":           "%d 个时间戳，由 %s 加盖，自 %s 至 %s，可追溯至给出的根证书。",
	"verify.stamps.unchecked.one":  "%d 个时间戳，由 %s 加盖，自 %s 至 %s；未核对证书链：请用 --tsa-roots 给出根证书。",
	"verify.stamps.unchecked.many": "%d 个时间戳，由 %s 加盖，自 %s 至 %s；未核对证书链：请用 --tsa-roots 给出根证书。",
	"err.no_tsa":                   "未配置时间戳服务机构：请在 tsa 下指定",
	"alarm.clock_jumped":           "采集站时钟跳变 %s",
	"alarm.clock_jumped.do":        "请查明由谁或由何程序调整。日志已记录跳变，顺序不变；前后时间相差此数。",
	"alarm.tsa_silent":             "已有一天没有时间戳",
	"alarm.tsa_silent.do":          "片段仍然安全并已入日志。请检查能否连接时间戳服务机构，以及根证书是否正确。",
}
