"""The paper's theorems: checked, corrected, and met with real networks. Proofs: docs/theory.md."""
