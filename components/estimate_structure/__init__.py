"""How clips move and what stands in front: the structure that stylization is conditioned on."""
