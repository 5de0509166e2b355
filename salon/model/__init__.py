"""The paper's method, section by section: embedding, network, losses, decorrelation, mining, matching."""

from salon.model.decorrelation import (
    Discriminator,
    adversarial_loss,
    classification_loss,
    discriminator_loss,
    variation_masks,
)
from salon.model.embedding import Embedding, InputSpec
from salon.model.losses import (
    ConfidenceLoss,
    CosFace,
    class_log_likelihood,
    confidence_regulariser,
    identification_logits,
    margin_loss,
    posterior,
)
from salon.model.matching import cosine_scores, fuse, likelihood_pairs, likelihood_scores
from salon.model.mining import identity_confusion_loss, identity_loss
from salon.model.network import Recogniser, embed

__all__ = [
    "ConfidenceLoss",
    "CosFace",
    "Discriminator",
    "Embedding",
    "InputSpec",
    "Recogniser",
    "adversarial_loss",
    "class_log_likelihood",
    "classification_loss",
    "confidence_regulariser",
    "cosine_scores",
    "discriminator_loss",
    "embed",
    "fuse",
    "identification_logits",
    "identity_confusion_loss",
    "identity_loss",
    "likelihood_pairs",
    "likelihood_scores",
    "margin_loss",
    "posterior",
    "variation_masks",
]
