"""What wav2vec 2.0, HuBERT and WavLM share; the only place that knows transformers and safetensors."""
