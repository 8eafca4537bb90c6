"""Generation: prompts, images, clips and audio -> new videos, for every task."""
