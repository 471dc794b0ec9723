# SPDX-License-Identifier: Apache-2.0
"""What the origin's side shows of what happened: its delivery log, and the objects behind its S3 endpoint."""

import json
import time
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from stack.stack import Stack


def delivered(stack: Stack, path: str) -> list[dict[str, Any]]:
    """The delivery's access log records for one path."""
    if not stack.delivery_log.exists():
        return []
    records = map(json.loads, stack.delivery_log.read_text().splitlines())
    return [record for record in records if record["path"] == path]


def s3_client(stack: Stack, secret: str | None = None) -> BaseClient:
    """boto3 with its default settings, but for the address style."""
    access, right_secret = stack.keys.s3_key_pair
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{stack.ports.s3}",
        aws_access_key_id=access,
        aws_secret_access_key=secret or right_secret,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def has_raw_upload(stack: Stack, video: str) -> bool:
    """Whether the file that was uploaded is still kept."""
    try:
        s3_client(stack).head_object(Bucket="uploads", Key=f"{video}/raw")
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404, error
        return False
    return True


def raw_upload_is_gone(stack: Stack, video: str, seconds: float = 5) -> bool:
    """Whether the file that was uploaded is deleted soon: it goes just after the video turns READY."""
    deadline = time.monotonic() + seconds
    while has_raw_upload(stack, video):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
