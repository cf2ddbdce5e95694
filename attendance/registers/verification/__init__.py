"""Whether a register is as the application has left it: ``chain`` reads its seals, ``verify`` compares. See docs/seals.md."""
