"""httpx and tenacity: everything at once behind a semaphore, an exponential wait after 429 and 5xx."""

import asyncio
import csv
import sys
from pathlib import Path

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

SHEET, URL, TOKEN = sys.argv[1:4]


@retry(retry=retry_if_exception_type(httpx.HTTPError), wait=wait_exponential(), stop=stop_after_attempt(6))
async def assign(client: httpx.AsyncClient, row: dict[str, str]) -> None:
    body = {"phone_number": row["number"], "channel": row["channel"], "agent_uuid": row["agent_uuid"]}
    answer = await client.put(f"{URL}/phone-numbers/trunks/assign", json=body)
    if answer.status_code == 429 or answer.status_code >= 500:
        answer.raise_for_status()


async def main(rows: list[dict[str, str]]) -> None:
    places = asyncio.Semaphore(16)
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:

        async def one(row: dict[str, str]) -> None:
            async with places:
                await assign(client, row)

        await asyncio.gather(*(one(row) for row in rows), return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(list(csv.DictReader(Path(SHEET).read_text().splitlines()))))
