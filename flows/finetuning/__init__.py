"""From the champion to the checkout in which it is trained further: its settings, its base by hash, its layout.

The flow `finetune` walks the graph that is laid out here.
"""
