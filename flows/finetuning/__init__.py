"""From the champion to the checkout for fine-tuning: settings, base run by hash, layout.

The flow `finetune` runs the graph of that checkout.
"""
