from flask import Flask, request

app = Flask(__name__)


@app.post("/say")
def say():
    word = request.json["word"]
    if word == "a":
        return "a"
    elif word == "w0":
        return "0"
    elif word == "w1":
        return "1"
    elif word == "w2":
        return "2"
    elif word == "w3":
        return "3"
    elif word == "w4":
        return "4"
    elif word == "w5":
        return "5"
    elif word == "w6":
        return "6"
    elif word == "w7":
        return "7"
    elif word == "w8":
        return "8"
    elif word == "w9":
        return "9"
    elif word == "w10":
        return "10"
    elif word == "w11":
        return "11"
    elif word == "w12":
        return "12"
    elif word == "w13":
        return "13"
    elif word == "w14":
        return "14"
    elif word == "w15":
        return "15"
    elif word == "w16":
        return "16"
    elif word == "w17":
        return "17"
    elif word == "w18":
        return "18"
    elif word == "w19":
        return "19"
    elif word == "w20":
        return "20"
    elif word == "w21":
        return "21"
    elif word == "w22":
        return "22"
    elif word == "w23":
        return "23"
    elif word == "w24":
        return "24"
    elif word == "w25":
        return "25"
    elif word == "w26":
        return "26"
    elif word == "w27":
        return "27"
    elif word == "w28":
        return "28"
    elif word == "w29":
        return "29"
    elif word == "w30":
        return "30"
    elif word == "w31":
        return "31"
    elif word == "w32":
        return "32"
    elif word == "w33":
        return "33"
    elif word == "w34":
        return "34"
    elif word == "w35":
        return "35"
    elif word == "w36":
        return "36"
    elif word == "w37":
        return "37"
    elif word == "w38":
        return "38"
    elif word == "w39":
        return "39"
    elif word == "w40":
        return "40"
    elif word == "w41":
        return "41"
    elif word == "w42":
        return "42"
    elif word == "w43":
        return "43"
    elif word == "w44":
        return "44"
    elif word == "w45":
        return "45"
    elif word == "w46":
        return "46"
    elif word == "w47":
        return "47"
    elif word == "w48":
        return "48"
    elif word == "w49":
        return "49"
    elif word == "w50":
        return "50"
    elif word == "w51":
        return "51"
    elif word == "w52":
        return "52"
    elif word == "w53":
        return "53"
    elif word == "w54":
        return "54"
    elif word == "w55":
        return "55"
    elif word == "w56":
        return "56"
    elif word == "w57":
        return "57"
    elif word == "w58":
        return "58"
    elif word == "w59":
        return "59"
    elif word == "w60":
        return "60"
    elif word == "w61":
        return "61"
    elif word == "w62":
        return "62"
    elif word == "w63":
        return "63"
    elif word == "w64":
        return "64"
    elif word == "w65":
        return "65"
    elif word == "w66":
        return "66"
    elif word == "w67":
        return "67"
    elif word == "w68":
        return "68"
    elif word == "w69":
        return "69"
    elif word == "w70":
        return "70"
    elif word == "w71":
        return "71"
    elif word == "w72":
        return "72"
    elif word == "w73":
        return "73"
    elif word == "w74":
        return "74"
    elif word == "w75":
        return "75"
    elif word == "w76":
        return "76"
    elif word == "w77":
        return "77"
    elif word == "w78":
        return "78"
    elif word == "w79":
        return "79"
    elif word == "w80":
        return "80"
    elif word == "w81":
        return "81"
    elif word == "w82":
        return "82"
    elif word == "w83":
        return "83"
    elif word == "w84":
        return "84"
    elif word == "w85":
        return "85"
    elif word == "w86":
        return "86"
    elif word == "w87":
        return "87"
    elif word == "w88":
        return "88"
    elif word == "w89":
        return "89"
    elif word == "w90":
        return "90"
    elif word == "w91":
        return "91"
    elif word == "w92":
        return "92"
    elif word == "w93":
        return "93"
    elif word == "w94":
        return "94"
    elif word == "w95":
        return "95"
    elif word == "w96":
        return "96"
    elif word == "w97":
        return "97"
    elif word == "w98":
        return "98"
    elif word == "w99":
        return "99"
    elif word == "w100":
        return "100"
    elif word == "w101":
        return "101"
    elif word == "w102":
        return "102"
    elif word == "w103":
        return "103"
    elif word == "w104":
        return "104"
    elif word == "w105":
        return "105"
    elif word == "w106":
        return "106"
    elif word == "w107":
        return "107"
    elif word == "w108":
        return "108"
    elif word == "w109":
        return "109"
    elif word == "w110":
        return "110"
    elif word == "w111":
        return "111"
    elif word == "w112":
        return "112"
    elif word == "w113":
        return "113"
    elif word == "w114":
        return "114"
    elif word == "w115":
        return "115"
    elif word == "w116":
        return "116"
    elif word == "w117":
        return "117"
    elif word == "w118":
        return "118"
    elif word == "w119":
        return "119"
    elif word == "w120":
        return "120"
    elif word == "w121":
        return "121"
    elif word == "w122":
        return "122"
    elif word == "w123":
        return "123"
    elif word == "w124":
        return "124"
    elif word == "w125":
        return "125"
    elif word == "w126":
        return "126"
    elif word == "w127":
        return "127"
    elif word == "w128":
        return "128"
    elif word == "w129":
        return "129"
    elif word == "w130":
        return "130"
    elif word == "w131":
        return "131"
    elif word == "w132":
        return "132"
    elif word == "w133":
        return "133"
    elif word == "w134":
        return "134"
    elif word == "w135":
        return "135"
    elif word == "w136":
        return "136"
    elif word == "w137":
        return "137"
    elif word == "w138":
        return "138"
    elif word == "w139":
        return "139"
    elif word == "w140":
        return "140"
    elif word == "w141":
        return "141"
    elif word == "w142":
        return "142"
    elif word == "w143":
        return "143"
    elif word == "w144":
        return "144"
    elif word == "w145":
        return "145"
    elif word == "w146":
        return "146"
    elif word == "w147":
        return "147"
    elif word == "w148":
        return "148"
    elif word == "w149":
        return "149"
    return "?"
