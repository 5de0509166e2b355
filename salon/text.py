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
    # the table of notebook 03 (lecture/verdicts.py); ° marks what is recalled, not verified
    "verdict.paper": {"en": "the paper says", "zh": "论文说"},
    "verdict.measured": {"en": "we measured", "zh": "我们测得"},
    "verdict.why": {"en": "same or different, and why", "zh": "异同与原因"},
    "verdict.pixels": {"en": "raw pixels", "zh": "原始像素"},
    "verdict.probes": {"en": "E-λ2, own less other, probes:", "zh": "E-λ2，本有减其他，探针："},
    "verdict.rejected": {"en": "error after rejecting 20 %", "zh": "拒识 20 % 后的错误率"},
    "verdict.augmentation.paper": {
        "en": "Hard augmented samples, simply added, make training harder.",
        "zh": "直接加入困难的增广样本，会使训练更难。",
    },
    "verdict.augmentation.why": {
        "en": "Same direction: bad images gain much, clean ones lose. Convergence is not tested: we fine-tune.",
        "zh": "方向相同：差图像大有受益，干净图像受损。我们只做微调，没有检验收敛。",
    },
    "verdict.confidence.paper": {
        "en": "° Augmentation alone hardly helps on mixed quality; the confidence-aware loss repairs that.",
        "zh": "° 仅靠增广，对混合质量帮助不大；置信度损失弥补了这一点。",
    },
    "verdict.confidence.why": {
        "en": "Holds, against every fixed scale and both frozen controls; against the best of them the gain in "
        "mixed is about a point. Occlusion is the price: it is given up early (notebook 4).",
        "zh": "成立：胜过各个固定尺度和两个固定置信度的对照；与其中最好的相比，"
        "混合质量约高一个百分点。代价是遮挡：它被过早放弃（见第 4 讲）。",
    },
    "verdict.parts.paper": {
        "en": "° Accuracy first rises with the number K of sub-embeddings, then falls.",
        "zh": "° 随子嵌入个数 K 增加，准确率先升后降。",
    },
    "verdict.parts.why": {
        "en": "Not here: the fewest parts that we tried were the best, and no better than one. "
        "Our embedding has a quarter of the paper's numbers to share out.",
        "zh": "此处不成立：试过的个数中最少的最好，且不比不分更好。我们的嵌入只有论文四分之一的维数可分。",
    },
    "verdict.decorrelation.paper": {
        "en": "° Decorrelated sub-embeddings complement each other and add the last points.",
        "zh": "° 去相关后的子嵌入互为补充，带来最后几个百分点。",
    },
    "verdict.decorrelation.why": {
        "en": "The parts do specialise when the game is strong, and mixed quality pays for it; "
        "tuned for accuracy, the weakest game won, and it gains nothing.",
        "zh": "博弈强时，子嵌入确实各有分工，但混合质量要付出代价；按准确率调参，选中的是最弱的博弈，并无提高。",
    },
    "verdict.aggregation.paper": {
        "en": "° Matching by uncertainty adds most on low quality.",
        "zh": "° 按不确定性匹配，对低质量图像提高最多。",
    },
    "verdict.aggregation.why": {
        "en": "Same direction: little for single images of one quality, much for mixed quality and templates. "
        "A model without a confidence gains as much by it.",
        "zh": "方向相同：单张、质量一致时作用不大，混合质量与模板上作用明显。没有置信度的模型同样受益。",
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
        "zh": "不可比：小网络、只用渲染的人、训练几分钟；对方是百层网络和数百万张照片。",
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
    "step.augmentation": {"en": "augmentation (B against A)", "zh": "数据增广（B 对 A）"},
    "step.confidence": {"en": "the confidence (C against the best B)", "zh": "置信度（C 对最好的 B）"},
    "step.learning": {
        "en": "learning it (C against C0, frozen at its mean)",
        "zh": "学习置信度（C 对固定在其均值的 C0）",
    },
    "step.frozen": {
        "en": "learning it (C against C0*, frozen where it is best)",
        "zh": "学习置信度（C 对固定在最佳值的 C0*）",
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
    "equation.5": {"en": "confidence takes the place of the scale", "zh": "置信度取代缩放系数"},
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
    "equation.16": {"en": "score of two images that know how sure they are", "zh": "考虑不确定性的相似度"},
    "equation.posterior": {"en": "(5) with sub-embeddings", "zh": "带子嵌入的 (5)"},
    "equation.CosFace": {"en": "the baseline: one scale for all", "zh": "基线：统一的缩放系数"},
    "equation.cosine": {"en": "score without uncertainty", "zh": "不考虑不确定性的相似度"},
    "equation.PFE": {"en": "fits the variances of (16)", "zh": "拟合 (16) 的方差"},
    "equation.fusion": {"en": "many images become one template", "zh": "多张图像融合为一个模板"},
    "equation.correlation": {"en": "do sub-embeddings err together?", "zh": "子嵌入是否一起出错？"},
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
