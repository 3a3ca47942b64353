"""Memories distilled into LoRA adapters of a local model, and measured; needs the extra `activation`."""
