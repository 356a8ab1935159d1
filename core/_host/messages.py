"""Every sentence with which the host refuses something, in Chinese and English: what is wrong, and what to do."""

from __future__ import annotations

from core._host.reasons import Rule

# Finding plugins.
AMBIGUOUS = Rule(
    "discover",
    "有多个插件使用编号 {name}：{origins}。",
    "More than one plugin has the id {name}: {origins}.",
    "请卸载其一，或在 plugins.toml 中只列其一。",
    "Uninstall one of them, or list only one of them in plugins.toml.",
)
ABSENT = Rule(
    "discover",
    "plugins.toml 列出了 {name}，但没有找到。",
    "plugins.toml lists {name}, but there is no such plugin.",
    "请改正名称或安装该插件。{hint}",
    "Correct the name, or install the plugin. {hint}",
)
NO_PACKAGE = Rule(
    "discover",
    "{origin} 所指的包 {module} 不存在。",
    "{origin} names the package {module}, which is not there.",
    "请重新安装该插件；入口应指向含有 plugin.toml 的包。",
    "Install the plugin again; its entry point must name the package that holds plugin.toml.",
)
NOT_INSTALLED = Rule(
    "discover",
    "没有已安装的软件包提供插件 {name}。",
    "No installed package offers a plugin {name}.",
    "请先安装；plugins/ 中的插件不需要固定版本。",
    "Install it first; what lies in plugins/ needs no pin.",
)
OTHER_VERSION = Rule(
    "discover",
    "plugins.toml 指定 {name} 的版本为 {pinned}，已安装的是 {version}。",
    "plugins.toml names version {pinned} of {name}; version {version} is installed.",
    "请安装指定的版本；或在审阅新版本后运行 python server.py plugin pin {name}，写入它给出的一行。",
    "Install the version named; or read through the new one, run python server.py plugin pin {name}, and write its line.",
)
OTHER_FILES = Rule(
    "discover",
    "{name} 的文件与 plugins.toml 指定的不同：应为 sha256:{pinned}，实为 sha256:{found}。",
    "The files of {name} are not those that plugins.toml names: sha256:{pinned} there, sha256:{found} here.",
    "请重新安装该软件包；如文件系有意更改，请审阅后运行 python server.py plugin pin {name}，写入它给出的一行。",
    "Install the package again; if they were changed on purpose, read them, run python server.py plugin pin {name}, and write its line.",
)
LINKED_FILE = Rule(
    "discover",
    "{file} 是链接，其所指内容无法列入校验值。",
    "{file} is a link; what lies behind it cannot be part of the hash.",
    "请以普通方式安装该软件包，或去掉 plugins.toml 中的校验值。",
    "Install the package as plain files, or take the hash out of plugins.toml.",
)

# What they need.
CIRCLE = Rule(
    "check requirements",
    "插件互相依赖，成为一环：{chain}。",
    "The plugins need each other in a circle: {chain}.",
    "请从其中一个 plugin.toml 的 requires 或 after 中去掉一项。",
    "Take one of them out of requires or after in one plugin.toml.",
)
NEEDS_MISSING = Rule(
    "check requirements",
    "{name} 需要插件 {other}，但本服务器没有加载它。",
    "{name} requires {other}, which this server does not load.",
    "请安装 {other} 并列入 plugins.toml。",
    "Install {other} and list it in plugins.toml.",
)
NEEDS_BLOCKED = Rule(
    "check requirements",
    "{name} 需要插件 {other}，而它受阻。",
    "{name} requires {other}, which is blocked.",
    "请先解决 {other} 的问题。",
    "Mend {other} first.",
)
NEEDS_FAILED = Rule(
    "check requirements",
    "{name} 需要插件 {other}，而它失败了。",
    "{name} requires {other}, which failed.",
    "请先解决 {other} 的问题。",
    "Mend {other} first.",
)
NEEDS_NEWER = Rule(
    "check requirements",
    "{name} 需要 {other} {least} 或更高版本，现为 {version}。",
    "{name} requires {other} {least} or later; there is {version}.",
    "请升级 {other}。",
    "Upgrade {other}.",
)
CONTRACT_TOO_NEW = Rule(
    "check compatibility",
    "{file} 依据契约 {asked} 编写，本服务器提供契约 {offered}。",
    "{file} is written for contract {asked}; this server offers contract {offered}.",
    "请升级服务器。",
    "Upgrade the server.",
)
CONTRACT_TOO_OLD = Rule(
    "check compatibility",
    "{file} 依据契约 {asked} 编写，本服务器提供契约 {offered}。",
    "{file} is written for contract {asked}; this server offers contract {offered}.",
    "请安装该插件的新版本。",
    "Install a newer version of the plugin.",
)

# Their code.
CRASHED = Rule(
    "run",
    "{where} 抛出 {told}。",
    "{where} raised {told}.",
    "请修正该插件的代码；日志中有完整的调用栈。",
    "Correct the plugin's code; the log has the whole traceback.",
)
OTHER_PLACE = Rule(
    "import",
    "导入 {module} 得到的是 {file}，而不是 {folder}。",
    "Importing {module} gives {file}, not {folder}.",
    "请为该包补上 __init__.py，或使其目录在 Python 路径中排在前面。",
    "Give the package an __init__.py, and put its folder first on the Python path.",
)
UNKNOWN_HOOK = Rule(
    "register",
    "{file} 实现了不存在的接口 {name}。",
    "{file} implements the hook {name}, which does not exist.",
    "{hint}",
    "{hint}",
)
UNMARKED_HOOK = Rule(
    "register",
    "{file} 中的函数 {name} 没有 @hookimpl，不会被调用。",
    "{file} has a function {name} without @hookimpl, so nobody would call it.",
    "请加上 @hookimpl，或改名。",
    "Put @hookimpl above it, or rename it.",
)
NOT_ONE_FUNCTION = Rule(
    "register",
    "{file} 的接口 {name} 应为一个普通函数。",
    "{file} does not implement the hook {name} as one plain function.",
    "请合并为一个函数，不用 wrapper。",
    "Make one function of it, without wrapper.",
)
UNFIT_HOOK = Rule(
    "register",
    "{file} 的一个接口无法调用：{told}。",
    "{file} has a hook that cannot be called: {told}.",
    "请使函数的参数与 core.plugin.Hooks 一致。",
    "Give the function the arguments that core.plugin.Hooks names.",
)
ASYNC_HOOK = Rule(
    "collect",
    "{file} 的 {name} 是 async def。",
    "{name} in {file} is async.",
    "请写普通的 def；声明不能等待。",
    "Write a plain def; declarations are not awaited.",
)
WRONG_ANSWER = Rule(
    "collect",
    "{file} 的 {name} 返回了 {given}。",
    "{name} in {file} returns {given}.",
    "应返回 {wanted}；没有可声明的就删去该接口。",
    "Return {wanted}, or leave the hook out.",
)

# Their names.
TAKEN = Rule(
    "check",
    "{what_zh} {name} 已属于 {other}，{owner} 又声明了一次。",
    "The {what} {name} belongs to {other} and is declared again by {owner}.",
    "请改名，或在 plugins.toml 中只列其一。",
    "Rename one of them, or list only one of the two in plugins.toml.",
)
BAD_CODE = Rule(
    "check",
    "{file} 声明的{what_zh} {code} 不合命名规则。",
    "{file} declares the {what} {code}, which is not named as it must be.",
    "请以 {prefix} 开头，其后只用小写字母、数字和下划线，总长不超过 {most}。",
    "Begin with {prefix} and go on in lower case with underscores, {most} characters at most.",
)
ROLES_TEXT = Rule(
    "check",
    "{file} 的权限 {code} 的 roles 是文字 {role!r}，应为元组。",
    "The roles of the permission {code} in {file} are the text {role!r}, not a tuple.",
    '请写 roles=("{role}",)。',
    'Write roles=("{role}",).',
)
UNKNOWN_ROLE = Rule(
    "check",
    "{file} 的权限 {code} 默认授予不存在的角色 {role}。",
    "The permission {code} in {file} goes to the role {role}, which does not exist.",
    "{hint}",
    "{hint}",
)
SWITCH_TAKEN = Rule(
    "check",
    "{file} 有名为 {key} 的设置项，而这是插件的开关。",
    "{file} has a setting called {key}, which is the plugin's own switch.",
    "请改名。",
    "Rename it.",
)
BAD_DEFAULTS = Rule(
    "check",
    "{file} 的默认值不能成为有效的设置：{told}。",
    "The defaults in {file} are no valid settings: {told}.",
    "请给每个设置项一个有效的默认值。",
    "Give every setting a default that is valid.",
)
BAD_INDICATOR = Rule(
    "check",
    "{file} 的指标 {code} 不能统计：{told_zh}。",
    "The indicator {code} in {file} cannot be counted: {told}.",
    "写法见 docs/plugins.md 的 indicators 一节。",
    "docs/plugins.md shows under indicators how one is written.",
)
BAD_ROUTE = Rule(
    "check",
    "{file} 的地址 {path} 不能提供：{told_zh}。",
    "The address {path} in {file} cannot be served: {told}.",
    "写法见 docs/plugins.md 的 routes 一节。",
    "docs/plugins.md shows under routes how one is written.",
)
SAME_ADDRESS = Rule(
    "check",
    "{owner} 的地址 {path} 与 {other} 的 {taken} 重合。",
    "The address {path} of {owner} is also {taken} of {other}.",
    "请换一个地址，最好在 /p/<插件编号>/ 之下。",
    "Choose another one, best below /p/<plugin>/.",
)
BAD_WORK_NAME = Rule(
    "check",
    "{file} 的反应或定时任务名 {name!r} 不合命名规则。",
    "A reaction or sweep in {file} is called {name!r}, which is not a name for it.",
    "请用小写字母、数字和下划线，连同插件编号不超过 {most}。",
    "Write lower case with underscores, {most} characters at most together with the plugin's id.",
)
RESTLESS = Rule(
    "check",
    "{file} 的定时任务 {name} 的间隔是 {seconds} 秒。",
    "The sweep {name} in {file} is to run every {seconds} seconds.",
    "请至少写 1。",
    "Write 1 at least.",
)
NO_DEED = Rule(
    "check",
    "{file} 的关卡所守的 {deed!r} 不是行为名。",
    "A gate in {file} stands before {deed!r}, which is not the name of a deed.",
    "请写成 voting.open_poll 的形式。",
    "Write it like voting.open_poll.",
)
DEAF = Rule(
    "check",
    "{file} 的反应 {name} 等待的事件 {event} 不存在。",
    "The reaction {name} in {file} waits for {event}, which is no event.",
    "{hint}",
    "{hint}",
)

# Their lifecycles.
FOREIGN_LIFECYCLE = Rule(
    "check",
    "{file} 的 {lifecycle} 写的插件是 {other}。",
    "{lifecycle} in {file} says that it belongs to {other}.",
    "请写 {name}。",
    "Write {name}.",
)
BAD_KIND = Rule(
    "check",
    "{file} 的 {lifecycle} 的种类名不合命名规则。",
    "{lifecycle} in {file} has a kind that is not named as it must be.",
    "请用大写字母、数字和下划线，不超过 {most}。",
    "Write it in upper case with underscores, {most} characters at most.",
)
BAD_TYPE_NAME = Rule(
    "check",
    "{file} 的 {lifecycle} 的类型名 {name!r} 不合命名规则。",
    "{lifecycle} in {file} has the type name {name!r}, which is not named as it must be.",
    "请用以大写字母开头的驼峰，不含下划线。",
    "Write it in PascalCase, without underscores.",
)
UNPREFIXED_TYPE = Rule(
    "check",
    "{file} 的 {lifecycle} 的类型名 {name} 没有该插件的前缀。",
    "{lifecycle} in {file} has the type name {name} without the prefix of its plugin.",
    "请以 {prefix} 开头。",
    "Begin with {prefix}.",
)
FOREIGN_STATE = Rule(
    "check",
    "{file} 的 {lifecycle} 用到了不属于它的状态 {state!r}。",
    "{lifecycle} in {file} uses the state {state!r}, which is not among its own.",
    "请用 {states} 的成员。",
    "Use a member of {states}.",
)
LONG_STATE = Rule(
    "check",
    "{file} 的 {lifecycle} 的状态名 {state} 过长。",
    "{lifecycle} in {file} has the state {state}, whose name is too long.",
    "不超过 {most} 个字符。",
    "{most} characters at most.",
)
BAD_STEP_NAME = Rule(
    "check",
    "{file} 的 {lifecycle} 的步骤名 {step!r} 不合命名规则。",
    "{lifecycle} in {file} has a step called {step!r}, which is not named as it must be.",
    "请用小写字母、数字和下划线，不超过 {most}。",
    "Write it in lower case with underscores, {most} characters at most.",
)
STEP_PERMISSION = Rule(
    "check",
    "{file} 的 {lifecycle} 的步骤 {step} 需要权限 {code}，而该插件没有声明它。",
    "The step {step} of {lifecycle} in {file} needs the permission {code}, which the plugin does not declare.",
    "请在 permissions() 中声明。{hint}",
    "Declare it in permissions(). {hint}",
)
STEP_EVENT = Rule(
    "check",
    "{file} 的 {lifecycle} 的步骤 {step} 发出事件 {code}，而该插件没有声明它。",
    "The step {step} of {lifecycle} in {file} emits the event {code}, which the plugin does not declare.",
    "请在 events() 中声明。{hint}",
    "Declare it in events(). {hint}",
)
AIMLESS_CLOCK = Rule(
    "check",
    "{file} 的 {lifecycle} 的定时步骤 {step} 没有目标状态。",
    "The timed step {step} of {lifecycle} in {file} leads to no state.",
    "请写明 target。",
    "Say in target which state it leads to.",
)

# Their tables.
NO_LIST = Rule(
    "check tables",
    "{file} 没有 __models__。",
    "{file} has no __models__.",
    "请在文件末尾列出全部模型，如 __models__ = [Wish]。",
    "List all models at its end, as in __models__ = [Wish].",
)
UNLISTED_MODEL = Rule(
    "check tables",
    "{file} 的模型 {model} 不在 __models__ 中。",
    "{file} has the model {model}, which is not in __models__ and so would get no table.",
    "请列入 __models__。",
    "Put it into __models__.",
)
FOREIGN_MODEL = Rule(
    "check tables",
    "{file} 的 __models__ 列出了不属于该插件的 {model}。",
    "{file} lists {model} in __models__, which is not a model of this plugin.",
    "请从 __models__ 中删去。",
    "Take it out of __models__.",
)
UNPREFIXED_TABLE = Rule(
    "check tables",
    "{file} 的模型 {model} 的表名 {table} 没有该插件的前缀。",
    "{file} keeps {model} in the table {table}, which lacks the prefix of the plugin.",
    '请写 Meta.table = "{prefix}…"。',
    'Write Meta.table = "{prefix}...".',
)
MANY_TO_MANY = Rule(
    "check tables",
    "{file} 的 {key} 是多对多字段。",
    "{file} has the many-to-many field {key}, whose hidden table would cascade.",
    "请把中间表写成模型。",
    "Write the table between the two as a model.",
)
NO_ANCHOR = Rule(
    "check tables",
    "{file} 的外键 {key} 指向 {target}。",
    "{file} points the foreign key {key} at {target}, which is no anchor.",
    "只可指向自己的表，或：{anchors}。",
    "It may point at the plugin's own tables, or at: {anchors}.",
)
CASCADES = Rule(
    "check tables",
    "{file} 的外键 {key} 会随 {target} 级联删除。",
    "{file} lets rows be deleted together with {target}, through the foreign key {key}.",
    "请写 on_delete=RESTRICT；不写即为 CASCADE。",
    "Write on_delete=RESTRICT; left out, it means CASCADE.",
)
BACKWARD_NAME = Rule(
    "check tables",
    "{file} 的外键 {key} 会给 {target} 加上反向名称。",
    "{file} adds a backward name to {target} through the foreign key {key}.",
    "请写 related_name=False，从这一侧查询。",
    "Write related_name=False, and query from this side.",
)
NO_INDEX = Rule(
    "check tables",
    "{file} 的外键 {key} 没有索引。",
    "{file} has no index on the foreign key {key}.",
    "请写 db_index=True。",
    "Write db_index=True.",
)
BAD_ANCHOR = Rule(
    "check tables",
    "{file} 的 ANCHORS 列出了 {name!r}，不是该插件的模型。",
    "{file} lists {name!r} in ANCHORS, which is not a model of this plugin.",
    "{hint}",
    "{hint}",
)

# Later.
MIGRATION_FAILED = Rule(
    "migrate",
    "{told}",
    "{told}",
    "请修正迁移后重新启动；数据保持原样。",
    "Correct the migration and start again; the data are as before.",
)
DEGRADED = Rule(
    "run",
    "{name} 连续失败 {failures} 次，最近一次：{last}。",
    "{name} failed {failures} times in a row, the last time with {last}.",
    "系统每隔 {seconds} 秒再试一次；请按日志修正该插件。",
    "It is tried again every {seconds} s; correct the plugin, the log says where.",
)
