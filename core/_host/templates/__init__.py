"""The files of a new plugin, as ``core._host.scaffold`` fills them in."""
