from fastapi import APIRouter

router = APIRouter()


@router.get("")
def listed():
    return []


@router.api_route("/{item_id}", methods=["PUT", "PATCH"])
def change(item_id: int):
    return item_id
