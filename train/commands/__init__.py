"""The commands of ``emi-train``, one function each; ``train.__main__`` lists them."""
