"""The register of a term as a file. ``files`` chooses the writer; ``table`` says what the columns and cells are in all of them."""
