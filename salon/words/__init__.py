"""The words that a reader sees, in two languages, and the one kind of error that is meant for people."""

LANGUAGES = ("en", "zh")
_language = "en"

# One row for each text; `say("key", name=value)` fills the braces.
TEXTS: dict[str, dict[str, str]] = {
    "reset": {"en": "Reset", "zh": "重置"},
    # the confidence explorer (widgets/explorer.js fills the braces)
    "explorer.title": {"en": "Confidence explorer", "zh": "置信度探索器"},
    "explorer.question": {
        "en": "Guess first: which slider, alone and at its end, lowers the mean confidence most?",
        "zh": "先猜一猜：单独拖到底时，哪个滑块使平均置信度下降最多？",
    },
    "explorer.guessed": {
        "en": "You guessed: {guess}. Now move each slider to its end.",
        "zh": "你猜的是：{guess}。现在把每个滑块都拖到底看看。",
    },
    "explorer.verdict": {
        "en": "Most for this face: {name}, {drop}. ",
        "zh": "对这张脸影响最大的是：{name}，{drop}。",
    },
    "explorer.right": {"en": "As you guessed.", "zh": "你猜对了。"},
    "explorer.wrong": {"en": "You guessed: {guess}.", "zh": "你猜的是：{guess}。"},
    "explorer.blur": {"en": "Blur", "zh": "模糊"},
    "explorer.occlusion": {"en": "Occlusion", "zh": "遮挡"},
    "explorer.yaw": {"en": "Turn (yaw)", "zh": "转头（偏航）"},
    "explorer.alone": {"en": "alone, at its end", "zh": "单独拖到底"},
    "explorer.mean": {
        "en": "Mean confidence {mean}; clean {clean} ({change})",
        "zh": "平均置信度 {mean}；清晰时 {clean}（{change}）",
    },
    "explorer.axis": {"en": "confidence s", "zh": "置信度 s"},
    "explorer.sub": {"en": "sub-embedding k", "zh": "子嵌入 k"},
    "explorer.now": {"en": "now", "zh": "现在"},
    "explorer.clean": {"en": "clean", "zh": "清晰时"},
    "explorer.average": {"en": "mean", "zh": "平均"},
    "explorer.face": {"en": "The face that the network sees:", "zh": "网络看到的脸："},
    "explorer.precomputed": {
        "en": "Precomputed: {steps} × {steps} × {steps} states, no kernel is running.",
        "zh": "预先计算：{steps} × {steps} × {steps} 个状态，没有内核在运行。",
    },
    # the feature map (widgets/feature_map.js)
    "map.title": {"en": "Feature map", "zh": "特征图"},
    "map.question": {
        "en": "Guess first: which variation can a linear probe read best from the whole embedding?",
        "zh": "先猜一猜：线性探针最容易从整个嵌入中读出哪种变化？",
    },
    "map.verdict": {
        "en": "Best read: {name}, {accuracy} (chance 0.50). ",
        "zh": "最容易读出的是：{name}，{accuracy}（随机为 0.50）。",
    },
    "map.right": {"en": "As you guessed.", "zh": "你猜对了。"},
    "map.wrong": {"en": "You guessed: {guess}.", "zh": "你猜的是：{guess}。"},
    "map.view": {"en": "Sub-embedding", "zh": "子嵌入"},
    "map.whole": {"en": "all", "zh": "全部"},
    "map.colour": {"en": "Colour by", "zh": "着色"},
    "map.variation": {"en": "variation", "zh": "变化"},
    "map.identity": {"en": "identity", "zh": "身份"},
    "map.none": {"en": "no variation", "zh": "无变化"},
    "map.low_resolution": {"en": "low resolution", "zh": "低分辨率"},
    "map.occlusion": {"en": "occlusion", "zh": "遮挡"},
    "map.pose": {"en": "pose", "zh": "姿态"},
    "map.several": {"en": "several at once", "zh": "多种并存"},
    "map.point": {"en": "person {person}, {kind}", "zh": "人物 {person}，{kind}"},
    "map.legend": {
        "en": "{n} people, each with a colour and a shape of its own",
        "zh": "{n} 个人，各有自己的颜色和形状",
    },
    "map.probe": {"en": "balanced accuracy of a linear probe", "zh": "线性探针的平衡准确率"},
    "map.assigned": {"en": "kept here", "zh": "此处保留"},
    "map.other": {"en": "each sub-embedding", "zh": "各个子嵌入"},
    "map.chance": {"en": "chance", "zh": "随机"},
    "map.canvas": {
        "en": "Scatter of images by their features; the arrow keys walk from point to point.",
        "zh": "按特征排列的图像散点图；可用方向键逐点移动。",
    },
    "map.hint": {
        "en": "Hover over a point to see its face; draw around some to compare them.",
        "zh": "把指针移到点上可看人脸；圈出若干点可作比较。",
    },
    "map.selected": {"en": "{n} images of {people} people chosen", "zh": "选中 {people} 个人的 {n} 张图像"},
    "map.note": {
        "en": "Precomputed. {method} shows two dimensions of many: a variation that forms no group here "
        "may still be read by a probe.",
        "zh": "预先计算。{method} 只画出许多维中的两维：图上没有聚成一团的变化，探针仍可能读得出来。",
    },
    # where a notebook runs (lecture/platforms.py): `setup` says `place.line` on Colab, on Mo and beside a GPU
    "place.line": {"en": "Found: {name}, {found}.", "zh": "运行环境：{name}，{found}。"},
    "place.comma": {"en": ", ", "zh": "，"},
    "place.colab": {"en": "Colab", "zh": "Colab"},
    "place.mo": {"en": "Mo", "zh": "Mo 平台"},
    "place.jupyter": {"en": "Jupyter", "zh": "Jupyter"},
    "place.python": {"en": "Python without a notebook page", "zh": "Python（没有 notebook 页面）"},
    "place.gpu": {"en": "GPU {gpu}", "zh": "GPU {gpu}"},
    "place.cpu": {"en": "no GPU (none is needed)", "zh": "没有 GPU（也不需要）"},
    "place.widget": {"en": "widgets are live", "zh": "交互组件可实时响应"},
    "place.page": {
        "en": "widgets come as pages of their own, precomputed",
        "zh": "交互组件以预先计算的独立页面显示",
    },
    "place.plain": {"en": "widgets come as plain sliders", "zh": "交互组件以普通滑块显示"},
    "place.picture": {"en": "widgets come as pictures", "zh": "交互组件以静态图片显示"},
    "place.installed": {"en": "installed just now: {names}", "zh": "刚刚安装了 {names}"},
    "place.kept.colab": {
        "en": "nothing outlives the session but what you save to your Drive",
        "zh": "会话结束后，只有存入 Drive 的内容会保留",
    },
    "place.kept.mo": {"en": "results are kept in results/", "zh": "结果保存在 results/ 中"},
    "place.none": {"en": "none", "zh": "无"},
    "script.saved": {"en": "picture: {path}", "zh": "图片：{path}"},  # lecture/script.py
    "place.old": {
        "en": "{name}: {found} came, {oldest} or later was expected. Salon does not install it, since the build that "
        "is here fits this machine. {mend}",
        "zh": "{name}：当前版本为 {found}，需要 {oldest} 或更高。Salon 不会自行重装它，因为现有的版本是与这台机器"
        "配套的。{mend}",
    },
    "place.old.colab": {
        "en": "Choose Runtime > Change runtime type > the latest version, then run the notebook from the top.",
        "zh": "请选择“代码执行程序 > 更改运行时类型”中的最新版本，再从头运行。",
    },
    "place.old.mo": {
        "en": "Choose a newer image for the project, or run the lecture on your own computer.",
        "zh": "请为项目选择更新的镜像，或在自己的电脑上运行。",
    },
    "place.old.jupyter": {
        "en": "Install it in this kernel's environment, torch and torchvision from one index, and restart the kernel.",
        "zh": "请在此内核所用的环境中安装（torch 与 torchvision 须来自同一个索引），然后重启内核。",
    },
    "place.old.python": {
        "en": "Install it in this environment, torch and torchvision from one index.",
        "zh": "请在此环境中安装（torch 与 torchvision 须来自同一个索引）。",
    },
    "place.offline": {
        "en": "Missing here, and pip could not get them: {names}. Let this machine reach a package index, or upload "
        "their wheels and pip install those. {mend}",
        "zh": "缺少 {names}，且 pip 无法取得。请让这台机器能访问软件包索引，或上传 wheel 文件后用 pip 安装。{mend}",
    },
    "place.faces": {
        "en": "Folders of faces with {name!r} in their path below {root}: {found}. Exactly one was expected, with a "
        "folder of pictures for each person. Give a part of its path as `name`.",
        "zh": "在 {root} 下路径含 {name!r} 的人脸文件夹：{found}。应当恰好有一个，其中每人一个图片文件夹。"
        "请用 `name` 给出路径中的一部分。",
    },
    # the conditions of a test, in words
    "condition.clean": {"en": "clean", "zh": "清晰"},
    "condition.low_resolution": {"en": "low resolution", "zh": "低分辨率"},
    "condition.occlusion": {"en": "occlusion", "zh": "遮挡"},
    "condition.pose": {"en": "pose", "zh": "姿态"},
    "condition.mixed": {"en": "mixed", "zh": "混合质量"},
    "condition.templates": {"en": "templates", "zh": "模板"},
    # the table of notebook 03 (lecture/verdicts.py); ° marks what is recalled, not verified
    "verdict.paper": {"en": "the paper says", "zh": "论文说"},
    "verdict.measured": {"en": "we measured", "zh": "我们测得"},
    "verdict.why": {"en": "same or different, and why", "zh": "异同与原因"},
    "verdict.pixels": {"en": "raw pixels", "zh": "原始像素"},
    "verdict.probes": {"en": "E-λ2, own less other, probes:", "zh": "E-λ2，探针，分到的减其余的："},
    "verdict.rejected": {"en": "error after rejecting 20 %", "zh": "拒识 20 % 后的错误率"},
    "verdict.augmentation.paper": {
        "en": "Hard augmented samples, simply added, make training harder.",
        "zh": "直接加入困难的增强样本，会使训练更难。",
    },
    "verdict.augmentation.why": {
        "en": "Same direction: bad images gain much, clean ones lose; from scratch, training slows (notebook 1).",
        "zh": "方向相同：坏图像受益很大，清晰图像付出代价；从头训练时收敛明显变慢（见 notebook 1）。",
    },
    "verdict.confidence.paper": {
        "en": "° Augmentation alone hardly helps on mixed quality; the confidence-aware loss repairs that.",
        "zh": "° 仅靠数据增强，对混合质量帮助不大；置信度感知的损失弥补了这一点。",
    },
    "verdict.confidence.why": {
        "en": "Holds, against every fixed scale and both frozen controls; against the best of them the gain in "
        "mixed is about a point. Occlusion is the price: it is given up early (notebook 4).",
        "zh": "成立：胜过各个固定尺度和两个冻结置信度的对照组；与其中最好的相比，"
        "混合质量约高一个百分点。代价是遮挡：它被过早放弃（见 notebook 4）。",
    },
    "verdict.parts.paper": {
        "en": "° Accuracy first rises with the number K of sub-embeddings, then falls.",
        "zh": "° 随子嵌入个数 K 增加，准确率先升后降。",
    },
    "verdict.parts.why": {
        "en": "Not here: the fewest parts that we tried were the best, and no better than one. "
        "Our embedding has a quarter of the paper's numbers to share out.",
        "zh": "此处不成立：试过的个数里，最少的最好，而且并不比不切分好。我们的嵌入可分的维数只有论文的四分之一。",
    },
    "verdict.decorrelation.paper": {
        "en": "° Decorrelated sub-embeddings complement each other and add the last points.",
        "zh": "° 去相关后的子嵌入互为补充，带来最后几个百分点。",
    },
    "verdict.decorrelation.why": {
        "en": "The parts do specialise when the game is strong, and mixed quality pays for it; "
        "tuned for accuracy, the weakest game won, and it gains nothing.",
        "zh": "博弈强时，子嵌入确实各有专长，但混合质量要付出代价；按准确率调参，选中的是最弱的博弈，并无提高。",
    },
    "verdict.aggregation.paper": {
        "en": "° Matching by uncertainty adds most on low quality.",
        "zh": "° 按不确定性匹配，对低质量图像提高最多。",
    },
    "verdict.aggregation.why": {
        "en": "Same direction: little for single images of one quality, much for mixed quality and templates. "
        "The best model without a confidence gains half as much in mixed, and nearly as much with templates.",
        "zh": "方向相同：单张图像、质量一致时作用不大，混合质量和模板上作用明显。"
        "没有置信度的最好模型，在混合质量上受益约一半，在模板上几乎一样多。",
    },
    "verdict.whole.paper": {
        "en": "° All parts together are better than the baseline, most of all on low quality.",
        "zh": "° 全部组件合在一起优于基线，低质量图像上尤其明显。",
    },
    "verdict.whole.why": {
        "en": "Holds, by the confidence and by (16); the parts and their decorrelation add nothing here. "
        "If B is matched by (16) too, the lead is about two points in mixed and in templates.",
        "zh": "成立，靠的是置信度与 (16)；子嵌入及其去相关在此没有贡献。"
        "若 B 也用 (16) 匹配，混合质量与模板上各领先约两个百分点。",
    },
    "verdict.universal.paper": {
        "en": "One model for easy and extreme sets: LFW 99.78 %, TinyFace rank-1 63.89 %.",
        "zh": "一个模型兼顾简单与极端的数据集：LFW 99.78 %，TinyFace 首位命中率 63.89 %。",
    },
    "verdict.universal.why": {
        "en": "Not comparable: a small network, rendered people only and minutes of training, "
        "against a 100-layer network and millions of photographs.",
        "zh": "不可比：我们是小网络、只有渲染的人物、训练几分钟；对方是百层网络和数百万张照片。",
    },
    "verdict.domain.paper": {
        "en": "° The framework can be applied to other visual recognition.",
        "zh": "° 该框架也可用于其他视觉识别。",
    },
    "verdict.domain.why": {
        "en": "Printed characters. The confidence adds a little in mixed quality; for the rest three seeds "
        "cannot tell.",
        "zh": "印刷字符。置信度在混合质量上略有提高；其余差别，三个随机种子无法判定。",
    },
    # each step of the paper in one sentence (lecture/verdicts.py)
    "step.augmentation": {"en": "augmentation (B against A)", "zh": "数据增强（B 对 A）"},
    "step.confidence": {"en": "the confidence (C against the best B)", "zh": "置信度（C 对最好的 B）"},
    "step.learning": {
        "en": "learning it (C against C0, frozen at its mean)",
        "zh": "学习置信度（C 对冻结在其均值的 C0）",
    },
    "step.frozen": {
        "en": "learning it (C against C0*, frozen where it is best)",
        "zh": "学习置信度（C 对冻结在最佳值的 C0*）",
    },
    "step.parts": {"en": "sub-embeddings (D against C)", "zh": "子嵌入（D 对 C）"},
    "step.decorrelation": {"en": "decorrelation (E against D)", "zh": "去相关（E 对 D）"},
    "step.aggregation": {
        "en": "aggregation (E by (16) against E by cosine)",
        "zh": "概率聚合（E 用 (16) 对用余弦）",
    },
    "step.whole": {
        "en": "the whole (E by (16) against the best B)",
        "zh": "完整方法（E 用 (16) 对最好的 B）",
    },
    "step.holds": {
        "en": "{step}, {condition}: a gain here, {points}",
        "zh": "{step}，{condition}：此处有提高，{points}",
    },
    "step.reversed": {
        "en": "{step}, {condition}: a loss here, {points}",
        "zh": "{step}，{condition}：此处反而降低，{points}",
    },
    "step.open": {
        "en": "{step}, {condition}: cannot be told, {points}",
        "zh": "{step}，{condition}：无法判定，{points}",
    },
    # nuisances (faces/nuisances.py)
    "nuisance.yaw": {"en": "yaw", "zh": "偏航角"},
    "nuisance.pitch": {"en": "pitch", "zh": "俯仰角"},
    "nuisance.roll": {"en": "roll", "zh": "滚转角"},
    "nuisance.light_direction": {"en": "light direction", "zh": "光照方向"},
    "nuisance.light_colour": {"en": "light colour", "zh": "光照颜色"},
    "nuisance.light_hardness": {"en": "hard light", "zh": "硬光"},
    "nuisance.smile": {"en": "smile", "zh": "微笑"},
    "nuisance.mouth_open": {"en": "open mouth", "zh": "张嘴"},
    "nuisance.brows": {"en": "brows", "zh": "眉毛动作"},
    "nuisance.eyes_closed": {"en": "closed eyes", "zh": "闭眼"},
    "nuisance.glasses": {"en": "glasses", "zh": "眼镜"},
    "nuisance.sunglasses": {"en": "sunglasses", "zh": "太阳镜"},
    "nuisance.mask": {"en": "mask", "zh": "口罩"},
    "nuisance.cap": {"en": "cap", "zh": "帽子"},
    "nuisance.background": {"en": "busy background", "zh": "杂乱背景"},
    "nuisance.low_resolution": {"en": "low resolution", "zh": "低分辨率"},
    "nuisance.occlusion": {"en": "occlusion", "zh": "遮挡"},
    "nuisance.defocus": {"en": "defocus", "zh": "失焦"},
    "nuisance.motion_blur": {"en": "motion blur", "zh": "运动模糊"},
    "nuisance.noise": {"en": "noise", "zh": "噪声"},
    "nuisance.jpeg": {"en": "JPEG compression", "zh": "JPEG 压缩"},
    "nuisance.exposure": {"en": "wrong exposure", "zh": "曝光异常"},
    "nuisance.colour_cast": {"en": "colour cast", "zh": "偏色"},
    # faces drawn before a training (experiments/data.py)
    "train.constant": {
        "en": "Sub-embedding {which}: different people look alike (mean cosine above {limit}). It has become nearly "
        "constant and tells nobody apart: lower decorrelate or adversary, or start from a trained model.",
        "zh": "子嵌入 {which}：不同的人几乎一样（平均余弦高于 {limit}），已近乎常数，无法区分身份。"
        "请调低 decorrelate 或 adversary，或从训练好的模型开始。",
    },
    "faces.wait": {
        "en": "Drawing {faces:,} faces of {people:,} people: about {time} (minutes:seconds). "
        "They are kept, so that the next time there is nothing to wait for.",
        "zh": "正在绘制 {people:,} 个人的 {faces:,} 张脸，约需 {time}（分:秒）。结果会保存，下次无需等待。",
    },
    # the equation ledger (lecture/equations.py)
    "equation.number": {"en": "equation", "zh": "公式"},
    "equation.meaning": {"en": "what it is for", "zh": "用途"},
    "equation.formula": {"en": "formula", "zh": "表达式"},
    "equation.function": {"en": "function", "zh": "函数"},
    "equation.cell": {"en": "notebook cell", "zh": "notebook 单元"},
    "equation.1, 2": {"en": "an image is a normal distribution", "zh": "图像是一个正态分布"},
    "equation.3, 4": {"en": "Bayes: which identity is it?", "zh": "贝叶斯：是哪个身份？"},
    "equation.5": {"en": "confidence takes the place of the scale", "zh": "置信度取代尺度"},
    "equation.6": {"en": "the loss with a margin", "zh": "带间隔的损失"},
    "equation.7": {"en": "sub-embeddings, each with a confidence", "zh": "子嵌入各有置信度"},
    "equation.8": {"en": "identification loss", "zh": "识别损失"},
    "equation.9": {"en": "logits: mean over sub-embeddings", "zh": "logit：对子嵌入取平均"},
    "equation.10": {"en": "keeps confidences bounded", "zh": "防止置信度无限增大"},
    "equation.11": {"en": "the discriminator guesses variations", "zh": "判别器猜测变化"},
    "equation.12": {"en": "a half reveals its own variation", "zh": "一半子嵌入揭示自己的变化"},
    "equation.13": {"en": "and tells nothing of the others", "zh": "对其他变化一无所知"},
    "equation.14": {"en": "all losses together", "zh": "总损失"},
    "equation.15": {"en": "attributes blind to identity", "zh": "与身份无关的属性"},
    "equation.16": {"en": "score of two images that know how sure they are", "zh": "考虑不确定性的得分"},
    "equation.posterior": {"en": "(5) with sub-embeddings", "zh": "带子嵌入的 (5)"},
    "equation.CosFace": {"en": "the baseline: one scale for all", "zh": "基线：统一的固定尺度"},
    "equation.cosine": {"en": "score without uncertainty", "zh": "不考虑不确定性的得分"},
    "equation.PFE": {"en": "fits the variances of (16)", "zh": "拟合 (16) 的方差"},
    "equation.fusion": {"en": "many images become one template", "zh": "多张图像融合为一个模板"},
    "equation.correlation": {"en": "do sub-embeddings err together?", "zh": "子嵌入是否一起出错？"},
    # the editions for the class and for the teacher (lecture/editions.py)
    "edition.class": {
        "en": "*Class edition: the exercises are yours to solve, the answers are left out.*",
        "zh": "*学生版：练习留给你来做，不附答案。*",
    },
    "edition.instructor": {
        "en": "*Instructor's edition: the exercises are solved, the answers open.*",
        "zh": "*教师版：练习已解答，答案全部展开。*",
    },
    "edition.note": {
        "en": "**For the teacher.** Three minutes for everybody to try, then a hint, then solve it together. "
        "Mistakes to expect, in the words of the check:\n",
        "zh": "**教学提示。** 先让大家试三分钟，再给一个提示，最后一起解。常见错误如下，即检查时给出的提示：\n",
    },
    # what check says about an exercise (lecture/check.py)
    "check.line": {"en": "{name}: {text}", "zh": "{name}：{text}"},
    "check.right": {
        "en": "correct, on {n} inputs of different shapes.",
        "zh": "正确，{n} 组不同形状的输入全部通过。",
    },
    "check.not_yet": {
        "en": "not yet. It returns None; if you have written something, look for a missing return.",
        "zh": "还没有完成。函数返回 None；如果已经写了代码，看看是不是漏了 return。",
    },
    "check.function": {
        "en": "what came is of type {came}; expected the function itself, without brackets: check.{name}({name}).",
        "zh": "传入的类型是 {came}；应传入函数本身，不加括号：check.{name}({name})。",
    },
    "check.raised": {
        "en": "it stops with an error: {error}. (In this call {sizes}.)",
        "zh": "运行出错：{error}。（这次调用中 {sizes}。）",
    },
    "check.raised_in_line": {
        "en": "it stops in line {line}, `{code}`, with an error: {error}. (In this call {sizes}.)",
        "zh": "第 {line} 行 `{code}` 出错：{error}。（这次调用中 {sizes}。）",
    },
    "check.type": {
        "en": "it returns a {came}; expected a torch.Tensor of shape {expected}.",
        "zh": "返回值类型是 {came}；应为 torch.Tensor，形状 {expected}。",
    },
    "check.dtype": {
        "en": "it returns {came}; expected floating-point numbers. Is a division or .float() missing?",
        "zh": "返回值是 {came}；应为浮点数。是不是少了一次除法或 .float()？",
    },
    "check.shape": {
        "en": "the shape is {came}; expected {expected}. {hint}",
        "zh": "形状是 {came}；应为 {expected}。{hint}",
    },
    "check.shape.transposed": {
        "en": "The numbers are right, but rows and columns are swapped.",
        "zh": "数值正确，但行与列互换了（转置）。",
    },
    "check.shape.squeeze": {
        "en": "One axis of length 1 is too many; squeeze(axis) removes it.",
        "zh": "多了一个长度为 1 的轴；可用 squeeze(axis) 去掉。",
    },
    "check.shape.sum": {"en": "The sum over {axis} is missing.", "zh": "还差对 {axis} 求和。"},
    "check.shape.mean": {"en": "The mean over {axis} is missing.", "zh": "还差对 {axis} 取平均。"},
    "check.shape.sum_too_many": {
        "en": "You have summed over {axis} as well, which should stay.",
        "zh": "把 {axis} 也求和了；这个轴应当保留。",
    },
    "check.shape.mean_too_many": {
        "en": "You have averaged over {axis} as well, which should stay.",
        "zh": "把 {axis} 也取了平均；这个轴应当保留。",
    },
    "check.nan": {
        "en": "{bad} of {all} numbers are NaN or infinite; expected finite ones.",
        "zh": "{all} 个数中有 {bad} 个是 NaN 或无穷大；应为有限值。",
    },
    "check.sign": {"en": "right but for the sign: plus and minus are swapped.", "zh": "只差符号：正负反了。"},
    "check.complement": {
        "en": "you return one minus what is expected: the opposite is counted.",
        "zh": "返回的是 1 减去应得的值：数的是相反的情形。",
    },
    "check.scale": {
        "en": "right but for a factor: what comes is {factor} times what is expected.",
        "zh": "只差一个倍数：得到的是应得值的 {factor} 倍。",
    },
    "check.offset": {
        "en": "right but for a constant: what comes less what is expected is {offset} everywhere.",
        "zh": "只差一个常数：得到的值减去应得的值，处处等于 {offset}。",
    },
    "check.differs": {
        "en": "{right} of {all} numbers are right. The first wrong one, at {where}, is {came}; expected {expected}.",
        "zh": "{all} 个数中有 {right} 个正确。第一个错在 {where}：得到 {came}，应为 {expected}。",
    },
    "check.changed": {
        "en": "the numbers are right, but your function changes its argument {argument}. Work on a copy: clone(), "
        "or scatter instead of scatter_.",
        "zh": "数值正确，但函数改动了传入的 {argument}。请在副本上计算：用 clone()，或用 scatter 代替 scatter_。",
    },
    "check.edge": {
        "en": "right on ordinary inputs, but not at the edge: {text}",
        "zh": "一般输入正确，边界情形不对：{text}",
    },
    "check.pull.no_margin": {
        "en": "the margin has no effect. It is missing, or it is taken off every column; then softmax cancels it. "
        "It comes off the right person's cosine only.",
        "zh": "间隔没有起作用：要么漏了，要么每一列都减了，softmax 会把它抵消。只应从本人的余弦中减去。",
    },
    "check.pull.margin_unscaled": {
        "en": "the margin is not multiplied by the scale. In CosFace it comes off the cosine, before the scale.",
        "zh": "间隔没有乘以尺度。CosFace 先从余弦中减去间隔，再乘尺度。",
    },
    "check.pull.margin_added": {
        "en": "the margin has the wrong sign: it makes the task harder, so it comes off the right cosine.",
        "zh": "间隔的符号反了：它要让任务更难，应从本人的余弦中减去。",
    },
    "check.pull.axis": {
        "en": "softmax runs along the wrong axis, over the images B. Each image chooses among the N people.",
        "zh": "softmax 的轴不对，是沿图像 B 算的。每张图像应在 N 个人之间选择。",
    },
    "check.pull.belief": {
        "en": "this is P_y itself, the probability of the right person. The pull is s (1 - P_y).",
        "zh": "这是 P_y 本身，即本人的概率。拉力是 s (1 - P_y)。",
    },
    "check.pull.scaled_belief": {
        "en": "this is s P_y. The pull is strong where the network is wrong: s (1 - P_y).",
        "zh": "这是 s P_y。网络越错，拉力越大：应为 s (1 - P_y)。",
    },
    "check.pull.overflow": {
        "en": "with scale 1000, exp overflows. torch's softmax and logsumexp do not.",
        "zh": "尺度为 1000 时 exp 溢出。torch 的 softmax 和 logsumexp 不会。",
    },
    "check.pair_scores.no_log": {
        "en": "the second sum, the one with the logarithm, is missing: nobody pays for being unsure.",
        "zh": "漏了带对数的第二个和：不确定就不必付出代价了。",
    },
    "check.pair_scores.log_once": {
        "en": "the logarithm lacks its factor d = D/K: a part has d numbers, and each is charged.",
        "zh": "对数项漏了系数 d = D/K：每个子嵌入有 d 个数，每个数都要计入。",
    },
    "check.pair_scores.log_whole": {
        "en": "the logarithm has the factor D; expected d = D/K, the numbers of one part.",
        "zh": "对数项的系数用了 D；应为 d = D/K，即一个子嵌入的维数。",
    },
    "check.pair_scores.log_sign": {
        "en": "the logarithm has the wrong sign: being unsure is to lower the score.",
        "zh": "对数项符号反了：越不确定，得分应当越低。",
    },
    "check.pair_scores.half": {
        "en": "the first sum lacks its factor 1/2.",
        "zh": "第一个和漏了系数 1/2。",
    },
    "check.pair_scores.unsquared": {
        "en": "the distance is not squared.",
        "zh": "距离没有平方。",
    },
    "check.pair_scores.mean_d": {
        "en": "the squared differences are averaged over d; expected their sum.",
        "zh": "平方差对 d 取了平均；应当求和。",
    },
    "check.pair_scores.one_variance": {
        "en": "only u counts, the first image's variance; expected the sum of both.",
        "zh": "只用了第一张图像的方差 u；应为两者之和。",
    },
    "check.pair_scores.confidences": {
        "en": "u and v are variances already, not confidences: v_k is their sum.",
        "zh": "u 和 v 本来就是方差，不是置信度：v_k 就是两者之和。",
    },
    "check.accept_rates.at_least": {
        "en": "scores equal to the threshold are accepted too (>=). With ties more than n impostors pass; take >.",
        "zh": "等于阈值的得分也被接受了（>=）。有并列时会放过多于 n 个异人对；应当用 >。",
    },
    "check.accept_rates.nth": {
        "en": "the threshold is the n-th highest impostor score; with > only n - 1 pass. Python counts from 0.",
        "zh": "阈值取成了第 n 高的异人对得分；用 > 时只放过 n - 1 个。Python 从 0 数起。",
    },
    "check.accept_rates.floor": {
        "en": "n is cut off, int(far * I); expected round(far * I).",
        "zh": "n 被直接截断了，int(far * I)；应为 round(far * I)。",
    },
    "check.accept_rates.one_threshold": {
        "en": "all conditions share one threshold; expected one for each row of impostor scores.",
        "zh": "所有条件共用了一个阈值；每一行异人对得分应有自己的阈值。",
    },
    "check.accept_rates.lowest": {
        "en": "the threshold is among the lowest impostor scores, so nearly all impostors pass: sort downwards.",
        "zh": "阈值取在异人对的最低得分中，几乎所有异人对都会通过：应从高到低排序。",
    },
    "check.accept_rates.from_genuine": {
        "en": "the threshold comes from the genuine scores; expected from the impostor scores.",
        "zh": "阈值是从同人对得分中取的；应从异人对得分中取。",
    },
    "check.accept_rates.false_accepts": {
        "en": "this is the share of impostor pairs that pass; expected the share of genuine pairs.",
        "zh": "这是通过的异人对的比例；应为同人对的比例。",
    },
    "check.accept_rates.quantile": {
        "en": "the quantile lies between two scores, so that now more, now fewer than n pass. Take a score itself.",
        "zh": "分位数是在两个得分之间插值的，通过的个数可能多于或少于 n。应直接取其中一个得分。",
    },
    "check.refusals.most": {
        "en": "the images with the highest confidence are refused; expected those with the lowest.",
        "zh": "拒识了置信度最高的图像；应拒识最低的。",
    },
    "check.refusals.of_refused": {
        "en": "you divide by the number refused: which share of the refused belongs to a group. "
        "Asked is which share of the group is refused, so divide by the size of the group.",
        "zh": "除数用了拒识的总数：这是“被拒识者中各组占多少”。要问的是“各组中多少被拒识”，应除以该组的大小。",
    },
    "check.refusals.of_all": {
        "en": "you divide by all B images; expected the size of each group.",
        "zh": "除数用了全部 B 张图像；应除以各组的大小。",
    },
    "check.refusals.each_group": {
        "en": "the share is refused within each group. A machine does not know the groups: it ranks all images.",
        "zh": "在每一组内各拒识了这个比例。系统并不知道分组：应把全部图像放在一起排序。",
    },
    "check.refusals.one_part": {
        "en": "only the first sub-embedding's confidence is used; expected the mean over all K.",
        "zh": "只用了第一个子嵌入的置信度；应对全部 K 个取平均。",
    },
    "check.refusals.weakest": {
        "en": "an image is judged by its least confidence; expected the mean over all K.",
        "zh": "用了一张图像中最低的置信度；应对全部 K 个取平均。",
    },
    "check.refusals.floor": {
        "en": "the number refused is cut off, int(share * B); expected round(share * B).",
        "zh": "拒识的个数被直接截断了，int(share * B)；应为 round(share * B)。",
    },
    "check.refusals.nobody": {
        "en": "with share 0 nobody is refused; expected a zero for each group.",
        "zh": "share 为 0 时不拒识任何人；各组都应为 0。",
    },
    # the deck's marks, at the head of the notes (lecture/slides.py)
    "slides.talk": {"en": "talk {n} min", "zh": "讲解 {n} 分钟"},
    "slides.demo": {"en": "demo {n} min", "zh": "演示 {n} 分钟"},
    "slides.questions": {"en": "questions {n} min", "zh": "提问 {n} 分钟"},
    "slides.break": {"en": "break {n} min", "zh": "休息 {n} 分钟"},
    "slides.keep": {"en": "keep, even if late", "zh": "时间紧也要讲"},
    "slides.skip": {"en": "if late, skip to slide {n}, {slide}", "zh": "时间紧可跳到第 {n} 页 {slide}"},
}


class SalonError(ValueError):
    """A mistake that a reader can mend: it says what came, what was expected and what to do."""


def set_language(lang: str) -> None:
    """Choose the language of widgets and messages, `"en"` or `"zh"`; raises `SalonError` for another."""
    global _language
    if lang not in LANGUAGES:
        raise SalonError(f"The language {lang!r} is not known; expected 'en' or 'zh'. Call setup(\"en\").")
    _language = lang


def language() -> str:
    """The language chosen by `set_language`, `"en"` at first."""
    return _language


def say(key: str, lang: str | None = None, **values: object) -> str:
    """The text `key` in the chosen language (or `lang`), its braces filled from `values`."""
    return TEXTS[key][lang or _language].format(**values)
