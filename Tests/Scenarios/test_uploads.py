# SPDX-License-Identifier: Apache-2.0
"""Uploads to the embedded S3 endpoint by clients that are not ours: curl with a presigned address, and boto3."""

import datetime
import hashlib
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from curl import fetch
from evidence import s3_client
from stack.api import ApiError
from stack.stack import Stack

FIFTEEN_MINUTES = 900


@pytest.fixture(scope="module")
def s3(stack: Stack) -> BaseClient:
    return s3_client(stack)


def new_upload(stack: Stack) -> tuple[str, dict[str, Any]]:
    video, upload = stack.client.create("scenario: upload")
    return video["id"], upload


def put(url: str, file: Path) -> int:
    return fetch(url, "-T", str(file), "-H", "Content-Type: video/mp4").status


def test_curl_uploads_with_the_presigned_address(stack: Stack, s3: BaseClient, clip: Path) -> None:
    video, upload = new_upload(stack)
    headers = [word for name, value in upload["headers"].items() for word in ("-H", f"{name}: {value}")]
    answer = fetch(upload["url"], "-T", str(clip), *headers)
    assert answer.status == 200, answer
    assert answer.headers["etag"].strip('"') == hashlib.md5(clip.read_bytes()).hexdigest()
    stored = s3.get_object(Bucket="uploads", Key=f"{video}/raw")["Body"].read()
    assert stored == clip.read_bytes()


def test_the_presigned_address_is_valid_for_fifteen_minutes(stack: Stack) -> None:
    _, upload = new_upload(stack)
    assert parse_qs(urlsplit(upload["url"]).query)["X-Amz-Expires"] == [str(FIFTEEN_MINUTES)]
    expires = datetime.datetime.fromisoformat(upload["expiresAt"].replace("Z", "+00:00")).timestamp()
    assert abs(expires - time.time() - FIFTEEN_MINUTES) < 10


@pytest.mark.parametrize("change", ["signature", "path", "expires", "unsigned"])
def test_a_tampered_address_is_refused(stack: Stack, clip: Path, change: str) -> None:
    video, upload = new_upload(stack)
    address = upload["url"]
    tampered = {
        "signature": re.sub("(Signature=)(.)", lambda at: at[1] + ("1" if at[2] == "0" else "0"), address),
        "path": address.replace(video, new_upload(stack)[0]),
        "expires": address.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
        "unsigned": address.split("?")[0],
    }[change]
    assert tampered != address
    answer = fetch(tampered, "-T", str(clip), "-H", "Content-Type: video/mp4")
    assert answer.status == 403, answer
    assert b"<Code>" in answer.body
    with pytest.raises(ApiError) as error:  # nothing was stored
        stack.client.complete(video)
    assert error.value.status == 409


def test_an_expired_address_is_refused(stack: Stack, s3: BaseClient, clip: Path) -> None:
    target = {"Bucket": "uploads", "Key": f"{new_upload(stack)[0]}/raw"}
    address = s3.generate_presigned_url("put_object", Params=target, ExpiresIn=1)
    time.sleep(2.5)
    answer = fetch(address, "-T", str(clip))
    assert answer.status == 403
    assert b"AccessDenied" in answer.body and b"expired" in answer.body


def test_boto3_presigns_puts_reads_and_deletes(stack: Stack, s3: BaseClient, clip: Path) -> None:
    target = {"Bucket": "uploads", "Key": f"{new_upload(stack)[0]}/raw"}
    body = clip.read_bytes()
    assert put(s3.generate_presigned_url("put_object", Params=target, ExpiresIn=FIFTEEN_MINUTES), clip) == 200
    assert s3.get_object(**target)["Body"].read() == body
    s3.put_object(**target, Body=body)
    head = s3.head_object(**target)
    assert head["ContentLength"] == len(body)
    assert head["ETag"].strip('"') == hashlib.md5(body).hexdigest()
    part = s3.get_object(**target, Range="bytes=1000-1999")
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert part["Body"].read() == body[1000:2000]
    s3.delete_object(**target)
    with pytest.raises(ClientError) as missing:
        s3.get_object(**target)
    assert missing.value.response["Error"]["Code"] == "NoSuchKey"


def test_boto3_with_a_wrong_secret_is_refused(stack: Stack) -> None:
    stranger = s3_client(stack, secret="not-the-secret")
    with pytest.raises(ClientError) as refused:
        stranger.put_object(Bucket="uploads", Key=f"{new_upload(stack)[0]}/raw", Body=b"x")
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_writes_need_the_api_key(stack: Stack) -> None:
    for key in ("", "not-the-key"):
        with pytest.raises(ApiError) as refused:
            stack.client.call("POST", "/v1/videos", {"title": "stranger"}, key=key)
        assert refused.value.status == 401
