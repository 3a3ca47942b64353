"""Questions in one language, and the memory in another one that answers them: they share no word."""

from __future__ import annotations

from typing import NamedTuple


class Meaning(NamedTuple):
    """Two languages, a question in the first, and in the second the text that answers it."""

    asked_in: str
    told_in: str
    question: str
    text: str


_LINES = """
German | English | Wo ist meine Schwester hingezogen? | My sister moved to a small town by the sea.
German | English | Welche Medikamente verträgt Oma nicht? | Grandma is allergic to penicillin.
German | French | Wann fährt der Zug nach Hause? | Le train du retour part à dix-huit heures.
German | Japanese | Was isst die Katze am liebsten? | うちの猫はまぐろが大好きです。
French | English | Quel est le mot de passe du wifi ? | The wireless network's password is on the fridge.
French | German | Qui répare la voiture ? | Unser Mechaniker hat die Bremsen des Autos erneuert.
French | Arabic | Combien coûte le loyer ? | إيجار الشقة ثمانمئة دينار في الشهر.
Spanish | English | ¿Qué instrumento toca mi hija? | My daughter has cello lessons on Thursdays.
Spanish | English | ¿Cuándo es el cumpleaños de papá? | Dad was born on the third of April.
Spanish | Chinese | ¿Dónde están las llaves de la casa? | 家里的钥匙放在门口的花盆下面。
Spanish | Russian | ¿Quién cuida a los niños por la tarde? | После обеда за детьми присматривает бабушка.
Italian | English | Dove abbiamo parcheggiato la macchina? | We left the car on the second level of the garage.
Italian | Swedish | Che cosa beve al mattino? | Hon dricker alltid en kopp kaffe till frukost.
Portuguese | English | Qual é o número do voo? | Our flight to Lisbon is TP 537.
Portuguese | Dutch | O que ele estuda na universidade? | Hij studeert wiskunde in Leiden.
Dutch | English | Welke maat schoenen heeft hij? | He wears size 44 shoes.
Dutch | Polish | Wat voor huisdier hebben ze? | Mają dużego psa i dwa króliki.
Polish | English | Gdzie pracuje mój brat? | My brother is a nurse at the city hospital.
Polish | Ukrainian | Jaka będzie jutro pogoda? | Завтра буде сильний дощ і вітер.
Russian | English | Какую книгу он читает? | He is reading a novel about whales.
Russian | English | Сколько сахара класть в торт? | The cake needs two hundred grams of sugar.
Russian | German | Когда приходит врач? | Die Ärztin kommt am Montag um neun Uhr.
Ukrainian | English | Як звати їхню доньку? | Their daughter is called Mira.
Turkish | English | Doktor randevusu ne zaman? | The appointment at the dentist is on Friday at noon.
Turkish | Arabic | Hangi dilleri konuşuyor? | تتحدث العربية والإنجليزية بطلاقة.
Arabic | English | أين سنقضي العطلة؟ | We booked a cottage in the mountains for our holidays.
Arabic | French | ما هو طعامها المفضل؟ | Son plat préféré est la soupe à l'oignon.
Hebrew | English | כמה עולה הכרטיס לרכבת? | A railway ticket costs nine pounds.
Hindi | English | मेरी बहन की शादी कब है? | My sister's wedding is on the twelfth of June.
Hindi | English | उसे किस चीज़ से डर लगता है? | He is afraid of spiders.
Bengali | English | আমরা কোথায় দেখা করব? | We meet in front of the library.
Tamil | English | அவள் எங்கே வேலை செய்கிறாள்? | She works at a bakery near the harbour.
Thai | English | เขาแพ้อาหารอะไร | He must not eat peanuts, he gets a rash.
Chinese | English | 会议是什么时候？ | The meeting starts on Wednesday at three.
Chinese | German | 他住在哪个城市？ | Er wohnt seit zwei Jahren in Hamburg.
Japanese | English | 誕生日に何が欲しいですか。 | For my birthday I would love a new bicycle.
Japanese | Korean | 兄はどこで働いていますか。 | 형은 자동차 공장에서 일합니다.
Korean | English | 우리 개는 몇 살이에요? | Our dog is seven years old.
Korean | Chinese | 기차는 몇 시에 출발해요? | 火车早上八点半出发。
Vietnamese | English | Bố tôi làm nghề gì? | My father teaches history at a school.
Greek | English | Πότε ανοίγει το φαρμακείο; | The pharmacy opens at eight in the morning.
English | German | What does she not want to eat? | Sie isst seit Jahren kein Fleisch mehr.
English | Japanese | Where did they spend the summer? | 夏休みは北海道で過ごしました。
English | Hindi | Which sport does he play? | वह हर रविवार को क्रिकेट खेलता है।
English | Arabic | Who bought the house? | اشترى خالي البيت القديم في السنة الماضية.
English | Korean | What colour is the new car? | 새로 산 차는 빨간색이에요.
"""

CASES = tuple(
    Meaning(*(part.strip() for part in line.split(" | "))) for line in _LINES.strip().splitlines()
)
