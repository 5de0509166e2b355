"""The equation ledger: each equation of the paper with its functions, symbols, notebook cell, slide and tests.

`tests/test_ledger.py` resolves every entry, and fails on a public loss or score that no entry names.
"""

from dataclasses import dataclass

from salon.words import say

Symbol = tuple[str, str, str]  # LaTeX, the variable in our code, its shape


@dataclass(frozen=True)
class Equation:
    """One equation, or one group of them; the numbers are the paper's as recalled, not verified."""

    number: str  # "11" or "1, 2"; a name where the paper has no number
    latex: str
    status: str  # begins with: verified | derived | recalled; what it says of the contents, not of the number
    functions: tuple[str, ...]  # dotted names
    symbols: tuple[Symbol, ...]
    cell: str  # "notebook#cell-id"
    tests: tuple[str, ...]  # "tests/file.py::test_name"
    slide: str = ""  # its id in the deck; "" for what no slide shows

    @property
    def title(self) -> str:
        """The number in brackets, or the name."""
        return f"({self.number})" if self.number[0].isdigit() else self.number

    @property
    def meaning(self) -> str:
        """What it is for, in a few words of the chosen language."""
        return say(f"equation.{self.number}")

    def __str__(self) -> str:
        symbols = [f"{latex} = {variable} {shape}" for latex, variable, shape in self.symbols]
        parts = {"code": self.functions, "symbols": symbols, "cell": [self.cell], "tests": self.tests}
        parts |= {"slide": [self.slide]} if self.slide else {}
        lines = [f"{name:10}{'; '.join(values)}" for name, values in parts.items()]
        return "\n    ".join([f"{self.title} {self.meaning} [{self.status}]", self.latex, *lines])


def rows() -> list[list[str]]:
    """The ledger for `lecture.table`: a header and a row for each equation."""
    header = [say(f"equation.{name}") for name in ("number", "meaning", "formula", "function", "cell")]
    return [header] + [
        [
            entry.title,
            entry.meaning,
            f"${entry.latex}$",
            ", ".join(f"`{name.removeprefix('salon.')}`" for name in entry.functions),
            f"`{entry.cell}`",
        ]
        for entry in LEDGER
    ]


def markdown() -> str:
    """The same as a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows()]
    return "\n".join([lines[0], "|---" * len(rows()[0]) + "|", *lines[1:]])


def _losses(*names: str) -> tuple[str, ...]:
    return _in("tests/test_model_losses.py", *names)


def _matching(*names: str) -> tuple[str, ...]:
    return _in("tests/test_model_matching.py", *names)


def _equations(*names: str) -> tuple[str, ...]:
    return _in("tests/test_equations.py", *names)


def _in(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{file}::test_{name}" for name in names)


# Tests that go through all losses and scores.
FOR_ALL = _equations("gradients_are_those_of_small_steps", "extremes_stay_finite", "no_argument_is_changed")

F: Symbol = (r"f_i^{(k)}", "embedding.features", "[B, K, d]")
S: Symbol = (r"s_i^{(k)}", "embedding.confidences", "[B, K]")
W: Symbol = (r"w_j^{(k)}", "prototypes", "[N, K, d]")
A: Symbol = (r"a_{i,j}", "logits", "[B, N]")
Y: Symbol = (r"y_i", "labels", "[B]")
MARGIN: Symbol = (r"m", "margin", "scalar")
V: Symbol = (r"V_t", "masks", "[M, K]")
U: Symbol = (r"\hat u_i^{(t)}", "labels", "[B, M]")
C: Symbol = (r"p_C", "discriminator", "C, gives [B, M, M]")
PAIR: tuple[Symbol, ...] = (
    (r"f_i^{(k)}", "a.features", "[A, K, d]"),
    (r"f_j^{(k)}", "b.features", "[B, K, d]"),
)
VARIANCES: tuple[Symbol, ...] = (
    (r"{\sigma_i^{(k)}}^2", "a.variances", "[A, K]"),
    (r"{\sigma_j^{(k)}}^2", "b.variances", "[B, K]"),
)

LEDGER = (
    Equation(
        "1, 2",
        r"p(x_i \mid y = j) \propto (2\pi\sigma_i^2)^{-D/2} \exp\left(-\lVert f_i - w_j\rVert^2 / 2\sigma_i^2\right)",
        "recalled",
        ("salon.model.losses.class_log_likelihood",),
        (F, W, (r"1/\sigma_i^2 = s_i", "embedding.confidences", "[B, K]")),
        "02_algorithm#posterior",
        _equations("log_likelihood_is_1_and_2"),
        slide="cloud",
    ),
    Equation(
        "3, 4",
        r"p(y = j \mid x_i) = \frac{\exp\left(-\lVert f_i - w_j\rVert^2 / 2\sigma_i^2\right)}"
        r"{\sum_c \exp\left(-\lVert f_i - w_c\rVert^2 / 2\sigma_i^2\right)}",
        "recalled",
        ("salon.model.losses.class_log_likelihood", "salon.model.losses.posterior"),
        (F, W, (r"1/\sigma_i^2 = s_i", "embedding.confidences", "[B, K]")),
        "02_algorithm#posterior",
        _equations("posterior_follows_from_the_densities_by_bayes"),
        slide="posterior",
    ),
    Equation(
        "5",
        r"p(y = j \mid x_i) = \frac{\exp(s_i w_j^\top f_i)}{\sum_c \exp(s_i w_c^\top f_i)}",
        "verified",
        ("salon.model.losses.posterior",),
        (F, S, W),
        "02_algorithm#posterior",
        _equations("posterior_is_5", "posterior_follows_from_the_densities_by_bayes"),
        slide="posterior",
    ),
    Equation(
        "6",
        r"L'_{idt} = -\log \frac{\exp(s_i w_{y_i}^\top f_i - m)}"
        r"{\exp(s_i w_{y_i}^\top f_i - m) + \sum_{j \ne y_i} \exp(s_i w_j^\top f_i)}",
        "verified",
        ("salon.model.losses.margin_loss", "salon.model.losses.ConfidenceLoss"),
        ((r"s_i w_j^\top f_i", "logits", "[B, N]"), Y, MARGIN),
        "02_algorithm#loss",
        _equations("one_sub_embedding_has_the_loss_6")
        + _losses("constant_confidence_is_cosface", "no_margin_is_cross_entropy"),
        slide="loss",
    ),
    Equation(
        "7",
        r"w_j = [w_j^{(1)}; \dots; w_j^{(K)}],\; f_i = [f_i^{(1)}; \dots; f_i^{(K)}],"
        r"\; s_i = [s_i^{(1)}, \dots, s_i^{(K)}]",
        "verified",
        (
            "salon.model.embedding.Embedding",
            "salon.model.losses.new_prototypes",
            "salon.model.losses.unit_prototypes",
        ),
        ((r"f_i^{(k)}", "features", "[B, K, d]"), (r"s_i^{(k)}", "confidences", "[B, K]"), W),
        "02_algorithm#parts",
        _equations("embedding_and_prototypes_are_7") + _losses("prototypes_may_have_any_length"),
        slide="parts",
    ),
    Equation(
        "8",
        r"L_{idt} = -\log \frac{\exp(a_{i,y_i} - m)}{\exp(a_{i,y_i} - m) + \sum_{j \ne y_i} \exp(a_{i,j})}",
        "verified",
        ("salon.model.losses.margin_loss", "salon.model.losses.ConfidenceLoss"),
        (A, Y, MARGIN),
        "02_algorithm#parts",
        _losses(
            "margin_loss_is_8",
            "no_margin_is_cross_entropy",
            "without_confidence_the_loss_is_that_of_guessing_against_the_margin",
            "gradients_are_those_of_the_fact_sheet",
        ),
        slide="parts",
    ),
    Equation(
        "9",
        r"a_{i,j} = \frac1K \sum_{k=1}^K s_i^{(k)} {w_j^{(k)}}^\top f_i^{(k)}",
        "verified",
        ("salon.model.losses.identification_logits",),
        (F, S, W),
        "02_algorithm#parts",
        _equations("equal_confidences_rank_identities_like_the_cosine")
        + _losses(
            "logits_are_the_sum_of_9",
            "prototypes_may_have_any_length",
            "half_precision_is_summed_in_float32",
        ),
        slide="parts",
    ),
    Equation(
        "10",
        r"L_{reg} = \frac1K \sum_{k=1}^K \left(s_i^{(k)}\right)^2",
        "verified",
        ("salon.model.losses.confidence_regulariser", "salon.model.losses.ConfidenceLoss"),
        ((r"s_i^{(k)}", "confidences", "[B, K]"), (r"\lambda_{reg}", "regularise", "scalar")),
        "02_algorithm#regulariser-why",
        _losses("regulariser_is_10_and_comes_weighted"),
        slide="tax",
    ),
    Equation(
        "11",
        r"L_C = -\sum_t \sum_{t'} \log p_C\left(u^{(t')} = \hat u_i^{(t')} \mid V_t(f_i)\right)",
        "recalled",
        (
            "salon.model.decorrelation.discriminator_loss",
            "salon.model.decorrelation.Discriminator",
            "salon.model.decorrelation.variation_masks",
        ),
        (F, V, U, C),
        "02_algorithm#decorrelate-losses",
        _losses("decorrelation_losses_are_the_sums_of_11_to_13", "masks_are_different_halves"),
        slide="discriminator",
    ),
    Equation(
        "12",
        r"L_{cls} = -\sum_t \log p_C\left(u^{(t)} = \hat u_i^{(t)} \mid V_t(f_i)\right)",
        "verified",
        ("salon.model.decorrelation.classification_loss",),
        (F, V, U, C),
        "02_algorithm#decorrelate-losses",
        _losses("decorrelation_losses_are_the_sums_of_11_to_13"),
        slide="adversary",
    ),
    Equation(
        "13",
        r"L_{adv} = -\sum_t \sum_{t' \ne t} \left[\tfrac12 \log p_C(u^{(t')} = 0 \mid V_t(f_i))"
        r" + \tfrac12 \log p_C(u^{(t')} = 1 \mid V_t(f_i))\right]",
        "verified",
        ("salon.model.decorrelation.adversarial_loss",),
        (F, V, C),
        "02_algorithm#decorrelate-losses",
        _losses(
            "decorrelation_losses_are_the_sums_of_11_to_13",
            "adversarial_loss_is_least_where_nothing_can_be_told",
        ),
        slide="adversary",
    ),
    Equation(
        "14",
        r"L = L_{idt} + \lambda_{reg} L_{reg} + \lambda_{cls} L_{cls} + \lambda_{adv} L_{adv}",
        "recalled (what each term moves: derived)",
        ("salon.model.losses.total_loss",),
        ((r"L_{idt}, \lambda_{reg} L_{reg}, \dots", "terms", "[B] each"),),
        "02_algorithm#total",
        _equations(
            "total_is_14",
            "total_names_the_term_and_the_images_that_are_not_finite",
            "each_term_moves_its_parts_alone",
        ),
        slide="total",
    ),
    Equation(
        "15",
        r"L_{\theta_A} = -\log p(l_A \mid x_A) - \frac1{N_A} \sum_c \log p(y_A = c \mid x_A),\;"
        r" L_{D_A} = -\log p(y_A = y_{x_A} \mid x_A)",
        "recalled",
        (
            "salon.model.mining.attribute_loss",
            "salon.model.mining.identity_confusion_loss",
            "salon.model.mining.identity_loss",
            "salon.model.mining.AttributeModel",
            "salon.model.mining.IdentityDiscriminator",
        ),
        (
            (r"\log p(l_A \mid x_A)", "logits", "[B, T]"),
            (r"l_A", "labels", "[B, T]"),
            (r"p(y_A = c \mid x_A)", "identity_logits", "[B, N]"),
            (r"y_{x_A}", "identities", "[B]"),
        ),
        "02_algorithm#mined",
        _in(
            "tests/test_mining.py",
            "losses_equal_slow_loops",
            "confusion_is_least_where_all_identities_are_equally_likely",
            "each_step_moves_its_own_side_only",
        ),
        slide="mined",
    ),
    Equation(
        "16",
        r"\text{score}(x_i, x_j) = -\tfrac12 \sum_k \frac{\lVert f_i^{(k)} - f_j^{(k)}\rVert^2}{v_k}"
        r" - \frac{D}{2K} \sum_k \log v_k,\; v_k = {\sigma_i^{(k)}}^2 + {\sigma_j^{(k)}}^2",
        "derived",
        ("salon.model.matching.likelihood_pairs", "salon.model.matching.likelihood_scores"),
        (*PAIR, *VARIANCES),
        "02_algorithm#match",
        _equations("slope_of_16_in_the_variance_is_that_of_the_fact_sheet")
        + _matching(
            "scores_are_the_sums_of_16",
            "16_is_the_mutual_likelihood_of_pfe",
            "scale_is_free",
            "equal_variances_rank_like_the_cosine",
            "best_variance_is_the_mean_squared_difference",
        ),
        slide="match",
    ),
    Equation(
        "posterior",
        r"p(y = j \mid x_i) = \frac{\exp a_{i,j}}{\sum_c \exp a_{i,c}}",
        "derived",
        ("salon.model.losses.posterior",),
        (F, S, W),
        "02_algorithm#parts",
        _equations("posterior_is_5"),
    ),
    Equation(
        "CosFace",
        r"-\log \frac{e^{s(\cos\theta_{y_i} - m')}}{e^{s(\cos\theta_{y_i} - m')} + \sum_{j \ne y_i} e^{s\cos\theta_j}}",
        "verified (in pytorch-metric-learning)",
        ("salon.model.losses.CosFace",),
        (
            (r"s", "scale", "scalar"),
            (r"m'", "margin", "scalar"),
            (r"\cos\theta_j", "embedding.features", "[B, K, d]"),
            Y,
        ),
        "01_background#cosface",
        _equations("cosface_is_that_of_pytorch_metric_learning")
        + _losses("constant_confidence_is_cosface", "cosface_ignores_the_confidences"),
        slide="cosface",
    ),
    Equation(
        "cosine",
        r"\frac1K \sum_k {f_i^{(k)}}^\top f_j^{(k)}",
        "derived",
        ("salon.model.matching.cosine_pairs", "salon.model.matching.cosine_scores"),
        PAIR,
        "02_algorithm#match-equal-why",
        _matching("cosine_is_the_mean_over_sub_embeddings"),
    ),
    Equation(
        "PFE",
        r"-\frac1{\lvert P \rvert} \sum_{(i,j) \in P} \text{score}(x_i, x_j)",
        "verified (in PFE; that this paper fits with it is recalled)",
        ("salon.model.matching.likelihood_loss", "salon.model.matching.fit_variances"),
        (
            F,
            (r"{\sigma_i^{(k)}}^2", "embedding.variances", "[B, K]"),
            (r"P", "labels", "[B]: pairs of equal ones"),
        ),
        "02_algorithm#match-fit",
        _matching("loss_is_the_mean_over_genuine_pairs", "fitting_changes_the_variance_head_alone"),
    ),
    Equation(
        "fusion",
        r"\hat\mu = \frac{\sum_n \mu_n / \sigma_n^2}{\sum_n 1 / \sigma_n^2},\; \hat\sigma^2 = \min_n \sigma_n^2",
        "verified (in PFE's code; that this paper fuses so is recalled)",
        ("salon.model.matching.fuse",),
        (
            (r"\mu_n", "embedding.features", "[B, K, d]"),
            (r"\sigma_n^2", "embedding.variances", "[B, K]"),
            (r"n", "groups", "[B]: images of one group"),
        ),
        "02_algorithm#match-fit",
        _matching(
            "template_is_the_mean_weighted_by_inverse_variance",
            "template_without_variances_is_weighted_by_confidence",
            "template_of_one_image_is_that_image",
        ),
    ),
    Equation(
        "correlation",
        r"\text{mean}_{k \ne l}\; \text{corr}_i\left(1 - {w_{y_i}^{(k)}}^\top f_i^{(k)},\;"
        r" 1 - {w_{y_i}^{(l)}}^\top f_i^{(l)}\right)",
        "recalled",
        ("salon.model.decorrelation.sub_embedding_correlation",),
        (F, W, Y),
        "03_experiments#split-cost-why",
        _equations("correlation_is_that_of_the_distances_to_the_class_centre"),
    ),
)
