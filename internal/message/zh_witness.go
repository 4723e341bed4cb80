package message

// chineseWitness is what is said about witnesses.
var chineseWitness = map[string]string{
	"cmd.witness":           "为其他采集站的日志作见证签名，使其无法出示两份历史",
	"cmd.witness.key":       "仅输出本见证的验证密钥；没有时新建",
	"cmd.witness.status":    "显示每个日志的已知情况：条目数、距今多久、有无矛盾",
	"cmd.witness.ask":       "请见证为任一日志已发布的检查点签名，并输出该检查点",
	"flag.policy":           "列明见证及所需数量的`文件`（c2sp.org/tlog-policy）",
	"flag.listen":           "监听`地址`，主机:端口",
	"flag.log":              "要见证的日志的验证`密钥`；可重复给出",
	"flag.logs":             "列有日志验证密钥的`文件`，每行一个",
	"flag.name":             "本见证在签名中的`名称`，如 witness.example.org/centre；密钥生成后不可更改",
	"flag.at":               "要询问的见证的`网址`；不给则为状态目录中的见证",
	"witness.ready":         "见证 %s 正在见证 %d 个日志，地址 %s。",
	"witness.page":          "见证",
	"witness.log":           "日志",
	"witness.entries":       "条目数",
	"witness.last":          "最近增长",
	"witness.note":          "说明",
	"witness.never":         "尚未见到",
	"witness.ago":           "%s UTC，%s 前",
	"witness.forked.one":    "日志分叉：有 %d 个已签名检查点与已见证的内容矛盾",
	"witness.forked.many":   "日志分叉：有 %d 个已签名检查点与已见证的内容矛盾",
	"witness.unproved.one":  "有 %d 个已签名检查点未能证明承接已见证的内容",
	"witness.unproved.many": "有 %d 个已签名检查点未能证明承接已见证的内容",
	"witness.behind.one":    "有 %d 个已签名检查点的条目少于已见证的条目",
	"witness.behind.many":   "有 %d 个已签名检查点的条目少于已见证的条目",
}
