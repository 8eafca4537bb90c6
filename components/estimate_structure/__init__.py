"""Motion and depth of clips: the structure that stylization is conditioned on."""
