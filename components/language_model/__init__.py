"""The language model: a decoder over text, visual and audio tokens, trained on every task at once."""
