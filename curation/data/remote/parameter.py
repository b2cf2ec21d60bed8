"""The type of a parameter that is a path or a URL. Apart from `location`, so that `import winnow` needs no pydantic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from curation.data.remote.location import Remote, location

Location = Annotated[Path | Remote, PlainValidator(location), WithJsonSchema({"type": "string", "format": "path"})]
