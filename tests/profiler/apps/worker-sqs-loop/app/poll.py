import boto3

sqs = boto3.client("sqs")


def main():
    while True:
        for one in sqs.receive_message(QueueUrl="q").get("Messages", []):
            print(one)


if __name__ == "__main__":
    main()
