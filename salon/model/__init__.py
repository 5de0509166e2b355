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
