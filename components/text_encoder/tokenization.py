"""Captions -> a tokenizer of word pieces.

Byte-pair merges, because their training gives the same file every time (the unigram trainer does not); single
characters stay in the vocabulary, so an unknown word is spelled out rather than lost. Ids follow T5: padding 0, end 1,
unknown 2, then the sentinels that stand for masked spans.
"""

import string
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

PADDING, END, UNKNOWN = "<pad>", "</s>", "<unk>"
PADDING_ID, END_ID, UNKNOWN_ID = range(3)
SENTINELS = 32
FIRST_SENTINEL_ID = 3
CHARACTERS = sorted({*string.ascii_lowercase, *string.digits, *string.punctuation})


def train_tokenizer(captions: Iterable[str], vocabulary: int) -> Tokenizer:
    """Learn at most `vocabulary` pieces from captions in the order given."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PADDING, END, UNKNOWN, *(f"<extra_id_{number}>" for number in range(SENTINELS))],
        initial_alphabet=CHARACTERS,
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, END_ID)])
    return tokenizer
