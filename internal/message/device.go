package message

// deviceWords are the sentences about devices, bays and whose a camera is, in
// English and Chinese.
var deviceWords = map[string][2]string{
	"bay.held":                {"Held", "已暂停"},
	"board.held":              {"ASK YOUR ADMIN", "请联系管理员"},
	"board.held.none":         {"Nothing is copied from this camera yet", "尚未采集此设备的任何文件"},
	"hold.same_identity":      {"It says that it is a camera that is docked already", "此设备与已插入的另一台设备身份相同"},
	"hold.device_unknown":     {"The dock does not know this kind of camera", "采集站不认识此类设备"},
	"status.held":             {"held: ask the admin", "已暂停：请联系管理员"},
	"alarm.same_identity":     {"Bay %s: the camera says that it is the one in bay %s", "端口 %s：设备身份与端口 %s 中的相同"},
	"alarm.same_identity.do":  {"Nothing is read from it. Take one of the two out, or register this one by what it alone has: custodock device list shows both.", "未采集其任何文件。请取走其中一台，或以其独有的标识登记此设备：custodock device list 列出两台设备。"},
	"alarm.device_unknown":    {"Bay %s: a camera of a kind that the dock does not know", "端口 %s：采集站不认识此类设备"},
	"alarm.device_unknown.do": {"Nothing is read from it. Register it, write a device profile, or set unknown: take.", "未采集其任何文件。请登记该设备、编写设备描述文件，或设置 unknown: take。"},
	"alarm.device_differs":    {"Bay %s: the camera is device %s by one mark and another by the next", "端口 %s：设备的一项标识属于 %s，另一项却不符"},
	"alarm.device_differs.do": {"Its clips are taken as nobody's. See custodock device list for what differs; register it anew if its card was formatted or changed.", "其文件按未分配采集。custodock device list 列出不符之处；若存储卡已格式化或更换，请重新登记。"},

	"col.port":     {"PORT", "USB 端口"},
	"col.usb":      {"USB ID", "USB 标识"},
	"col.from":     {"FROM", "来源"},
	"col.says":     {"SAYS OF ITSELF", "设备自述"},
	"col.place":    {"PLACE", "位置"},
	"col.profile":  {"PROFILE", "描述文件"},
	"col.time":     {"TIME", "时间"},
	"col.chapters": {"PART OF", "所属录像"},

	"devices.none":         {"No devices are registered.", "没有登记设备。"},
	"devices.docked":       {"Docked now:", "当前插入："},
	"devices.agrees":       {"agrees", "相符"},
	"devices.shared":       {"tells nothing", "无法识别"},
	"devices.differs":      {"differs", "不符"},
	"device.registered":    {"device %s is registered, known by %s", "设备 %s 已登记，识别依据：%s"},
	"device.forgotten":     {"device %s is forgotten; its clips stay", "设备 %s 已注销；其文件保留"},
	"bays.none":            {"No bay has a name.", "没有已命名的端口。"},
	"bay.bound":            {"bay %s is port %s", "端口 %s 对应 USB 端口 %s"},
	"probe.profile":        {"profile %s", "描述文件 %s"},
	"probe.id":             {"its own id: %s", "设备自有编号：%s"},
	"probe.more.one":       {"and %d more file", "另有 %d 个文件"},
	"probe.more.many":      {"and %d more files", "另有 %d 个文件"},
	"probe.ignored":        {"ignored", "忽略"},
	"cmd.device.register":  {"Register the camera in a bay, or one by its marks", "登记端口中的设备，或按标识登记"},
	"cmd.device.forget":    {"End a registration; clips stay", "注销登记；文件保留"},
	"cmd.device.probe":     {"Show what the device profiles make of a folder; nothing is taken in", "显示描述文件对某目录的识别结果；不采集"},
	"cmd.bay":              {"Bays and their USB ports", "端口与其 USB 端口"},
	"cmd.bay.list":         {"List the bays that have a name", "列出已命名的端口"},
	"cmd.bay.bind":         {"Give a bay the USB port of the camera that is docked", "将所插设备的 USB 端口命名为端口"},
	"flag.register.id":     {"neutral `ID` that stands in the log, such as c017 (default: the one it has)", "日志中的中性编号 `ID`，如 c017（默认沿用现有编号）"},
	"flag.register.uuid":   {"known by this file system `UUID`", "按文件系统 `UUID` 识别"},
	"flag.register.label":  {"known also by this volume `LABEL`", "另按卷标 `LABEL` 识别"},
	"flag.register.serial": {"known by this USB `SERIAL`", "按 USB 序列号 `SERIAL` 识别"},
	"flag.register.own":    {"known by this `ID` that a device profile finds on it", "按描述文件在设备上找到的编号 `ID` 识别"},
	"flag.register.unit":   {"`UNIT` it belongs to", "所属单位 `UNIT`"},
	"flag.register.person": {"`NAME` of who carries it", "使用人姓名 `NAME`"},
	"flag.register.badge":  {"`NUMBER` of who carries it", "使用人警号 `NUMBER`"},
	"flag.register.zone":   {"`ZONE` of its clock, where it differs from the dock's", "设备时钟的时区 `ZONE`（与采集站不同时）"},
	"flag.register.kind":   {"`NAME` of its device profile, where its files do not say", "描述文件名称 `NAME`（文件无法判断时）"},
	"flag.bind.port":       {"USB `PORT` as the kernel writes it, such as 1-1.4", "内核所写的 USB 端口 `PORT`，如 1-1.4"},
	"flag.bind.camera":     {"port of the docked camera with this `ID`", "编号为 `ID` 的设备所在的端口"},
	"flag.probe.label":     {"as if the volume had this `LABEL`", "假定卷标为 `LABEL`"},
	"flag.probe.usb":       {"as if the device had this USB `ID`, such as 2672:0042", "假定 USB 标识为 `ID`，如 2672:0042"},
}

func init() {
	for key, words := range deviceWords {
		english[key], chinese[key] = words[0], words[1]
	}
}
