"""How the admin writes dates and times: Django's format files (FORMAT_MODULE_PATH). Our own pages name their formats."""
