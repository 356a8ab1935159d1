"""The engine: operations of declared types compiled to SQL whose text goes to the wire (``docs/engine.md``)."""

from schema.engine.executor import EngineExecutor

__all__ = ["EngineExecutor"]
