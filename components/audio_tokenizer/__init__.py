"""Audio to codes and back: a causal neural codec with residual vector quantization (SoundStream)."""
