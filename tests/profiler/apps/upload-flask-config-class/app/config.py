class Config:
    MAX_CONTENT_LENGTH = 5 * 1000 * 1000
