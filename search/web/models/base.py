"""What all models share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Made here, or given by a client; fields that it has not are refused."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="null")
