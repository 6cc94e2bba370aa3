"""What wav2vec 2.0, HuBERT and WavLM share, and what every checkpoint needs: settings, weights, a hash of them."""
