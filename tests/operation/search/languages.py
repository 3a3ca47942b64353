"""Queries in many scripts: what is asked, the text that answers it, and one that does not.

Where a text says the word in another form than the query, that is the case: a particle or a
preposition joined to it, an ending, an accent, other letters, a sign that makes it another word.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A query, the text that it should find first, and another of the same script."""

    script: str
    query: str
    wanted: str
    other: str


_LINES = """
Latin | Lodz | Ewa przeprowadziła się do Łódź w maju. | Ewa mieszka w Gdyni od maja.
Latin | Łódź | The train to Lodz leaves at nine. | The train to Gdynia leaves at nine.
Latin | Tromso | We saw the northern lights in Tromsø. | We saw the fjords near Bergen.
Latin | Malmø | Her sister works in Malmo on Fridays. | Her sister works in Lund on Fridays.
Latin | strasse | Das Büro liegt in der langen Straße. | Das Büro liegt am alten Platz.
Latin | Mueller | Herr Müller bringt den Schlüssel. | Herr Weber bringt den Schlüssel.
Latin | Müller Termin | Termin mit Frau Mueller am Dienstag | Termin mit Frau Weber am Dienstag
Latin | thé | Claire boit du thé le matin. | The morning is cold in the house.
Latin | où | Je ne sais pas où il habite. | Je ne sais pas quand il arrive.
Latin | cafe | Le café de la gare ferme tôt. | Le musée de la gare ferme tôt.
Latin | naive | She called the plan naïve. | She called the plan clever.
Latin | istanbul | İstanbul'da üç gün kaldık. | Ankara'da üç gün kaldık.
Latin | Dakovo | Konji iz Đakova su poznati. Đakovo je blizu. | Konji iz Zadra su poznati.
Latin | Thorshavn | Ferjan til Þórshavn fer í dag. | Ferjan til Akureyri fer í dag.
Latin | Aeroe | The ferry to Ærø was late. | The ferry to Samsø was late.
Latin | Hawaii | They flew to Hawaiʻi for the wedding. | They flew to Fiji for the wedding.
Latin | smorrebrod | Vi spiste smørrebrød til frokost. | Vi spiste suppe til frokost.
Latin | curaçao | The blue bottle is Curacao liqueur. | The green bottle is mint liqueur.
Latin | Nguyen | Cô Nguyễn dạy toán ở trường. | Cô Trần dạy văn ở trường.
Latin | kowalczky | Pan Kowalczyk naprawia rowery. | Pan Nowak naprawia zegary.
Signs | type O | Dad's blood is type O. | Dad's blood is type A.
Signs | blood type A | Mum's blood is type A. | Uncle's blood is type B.
Signs | O- donor | The clinic needs an O- donor. | The clinic needs an AB donor.
Signs | C++ | Nadia rewrote the parser in C++. | Nadia takes vitamin C and rewrote the letter.
Signs | C# | The plugin is written in C#. | The song is written in C minor.
Signs | F# | Omar likes functional code in F#. | Omar likes to shout the letter F.
Signs | .NET | The old server runs on .NET only. | The fishing net is old.
Signs | plan B | We moved on to plan B yesterday. | We moved on to plan C yesterday.
Signs | heater off | Keep the heater off at night. | Keep the heater on at night.
Signs | not vegan | Rosa is not vegan. | Rosa is vegan.
Signs | lights on | Leave the porch lights on. | Leave the porch lights off.
Signs | up the stairs | She carried the boxes up the stairs. | She carried the boxes down the stairs.
Signs | 🇩🇪 | Our next office opens in 🇩🇪 | Our next office opens in 🇫🇷
Signs | 🇯🇵 trip | Photos of the 🇯🇵 trip | Photos of the 🇰🇷 trip
Signs | 👍 | Boss reacted with 👍🏽 to the draft | Boss reacted with 👎🏽 to the draft
Signs | 🎉 | The release is out 🎉 | The release is late 😢
Signs | ⭐ | rated it ⭐⭐⭐ | rated it badly
Signs | ⏰ | set an ⏰ for the flight | set a table for the guests
Signs | € | The deposit was paid in € | The deposit was paid in £
Signs | 👩‍💻 | She changed her picture to 👩‍💻 | She changed her picture to 🐈
Numbers | 5551234567 | Plumber: (555) 123-4567 | Baker: (555) 765-4321
Numbers | 555-867-5309 | Jenny's number is 5558675309 | Penny's number is 5558675400
Numbers | 0170 1234999 | Lena: +49 170 1234999 | Jana: +49 170 1234888
Numbers | +44 20 7946 0018 | front desk 02079460018 | back office 02079460777
Numbers | 1000000 | The prize was 1 000 000 crowns | The prize was 2 000 000 crowns
Numbers | 2023 | تأسست الشركة عام ٢٠٢٣ | تأسست الشركة عام ٢٠١٩
Greek | Αθήνα | Το μουσείο της Αθήνας ανοίγει νωρίς. | Το λιμάνι της Πάτρας ανοίγει νωρίς.
Greek | βιβλίο | Η Μαρία αγόρασε τρία βιβλία. | Η Μαρία αγόρασε τρία μήλα.
Greek | θαλασσα | Το σπίτι κοιτάζει τη θάλασσα. | Το σπίτι κοιτάζει το βουνό.
Greek | γιατρος | Ο γιατρός τηλεφώνησε χθες. | Ο δάσκαλος τηλεφώνησε χθες.
Cyrillic | Москва | Брат работает в Москве. | Брат работает в Казани.
Cyrillic | книга | На полке стоят старые книги. | На полке стоят старые чашки.
Cyrillic | елка | В зале стоит ёлка. | В зале стоит шкаф.
Cyrillic | собака | Соседка гуляет с собакой. | Соседка гуляет с внуком.
Cyrillic | Одеса | Потяг з Одеси прибув пізно. | Потяг з Харкова прибув пізно.
Armenian | Երևան | Նա ապրում է Երևանում։ | Նա ապրում է Գյումրիում։
Armenian | գիրք | Այս գիրքը նոր է։ | Այս տունը նոր է։
Armenian | դպրոց | Երեխան գնում է դպրոցից տուն։ | Երեխան գնում է այգուց տուն։
Hebrew | ירושלים | אחותי גרה בירושלים. | אחותי גרה בחיפה.
Hebrew | בירושלים | טיול לירושלים ביום ראשון | טיול לאילת ביום ראשון
Hebrew | בית ספר | הילדים הלכו לבית הספר | הילדים הלכו לגן
Hebrew | רופא | קבעתי תור והרופא ביטל | קבעתי תור והספר ביטל
Hebrew | שולחן | המפתחות על השולחן | המפתחות על המקרר
Arabic | القاهرة | سافر أخي بالقاهرة في الصيف | سافر أخي بتونس في الصيف
Arabic | مدرسة | ذهبت البنت إلى المدرسة | ذهبت البنت إلى السوق
Arabic | كتاب | وكتابه على الطاولة | وقلمه على الطاولة
Arabic | طبيب | اتصلت للطبيب مساء | اتصلت للجار مساء
Arabic | فاطمه | تسكن فاطمة قرب البحر | تسكن ليلى قرب البحر
Arabic | كريم | با کریم صحبت کردم | با رضا صحبت کردم
Devanagari | दिल्ली | वह दिल्ली में रहता है। | वह पुणे में रहता है।
Devanagari | किताब | मेज़ पर नई किताबें हैं। | मेज़ पर नई कुर्सियाँ हैं।
Devanagari | लड़का | लड़के ने पत्र लिखा। | औरत ने पत्र लिखा।
Bengali | ঢাকা | তিনি ঢাকায় থাকেন। | তিনি খুলনায় থাকেন।
Bengali | চট্টগ্রাম | ট্রেনটি চট্টগ্রামে থামে। | ট্রেনটি সিলেটে থামে।
Bengali | বইমেলা | আমরা বইমেলাতে গিয়েছিলাম। | আমরা বাজারে গিয়েছিলাম।
Gurmukhi | ਅੰਮ੍ਰਿਤਸਰ | ਉਹ ਅੰਮ੍ਰਿਤਸਰੋਂ ਆਇਆ। | ਉਹ ਜਲੰਧਰੋਂ ਆਇਆ।
Gurmukhi | ਕਿਤਾਬ | ਮੇਜ਼ ਤੇ ਕਿਤਾਬਾਂ ਹਨ। | ਮੇਜ਼ ਤੇ ਕੱਪ ਹਨ।
Gujarati | અમદાવાદ | તે અમદાવાદમાં રહે છે. | તે સુરતમાં રહે છે.
Gujarati | પુસ્તક | ટેબલ પર પુસ્તકો છે. | ટેબલ પર ફૂલો છે.
Tamil | சென்னை | அவள் சென்னையில் வேலை செய்கிறாள். | அவள் மதுரையில் வேலை செய்கிறாள்.
Tamil | வீடு | அவர்கள் புதிய வீட்டில் இருக்கிறார்கள். | அவர்கள் புதிய கடையில் இருக்கிறார்கள்.
Telugu | హైదరాబాద్ | అతను హైదరాబాద్లో ఉంటాడు. | అతను విజయవాడలో ఉంటాడు.
Telugu | పుస్తకం | పుస్తకాలు బల్ల మీద ఉన్నాయి. | పూలు బల్ల మీద ఉన్నాయి.
Kannada | ಬೆಂಗಳೂರು | ಅವನು ಬೆಂಗಳೂರಿನಲ್ಲಿ ಇದ್ದಾನೆ. | ಅವನು ಮೈಸೂರಿನಲ್ಲಿ ಇದ್ದಾನೆ.
Kannada | ಪುಸ್ತಕ | ಪುಸ್ತಕಗಳು ಮೇಜಿನ ಮೇಲಿವೆ. | ಹೂವುಗಳು ಮೇಜಿನ ಮೇಲಿವೆ.
Malayalam | കൊച്ചി | അവൾ കൊച്ചിയിൽ താമസിക്കുന്നു. | അവൾ തൃശ്ശൂരിൽ താമസിക്കുന്നു.
Malayalam | പുസ്തകം | പുസ്തകങ്ങൾ മേശപ്പുറത്താണ്. | പൂക്കൾ മേശപ്പുറത്താണ്.
Sinhala | කොළඹ | ඔහු කොළඹට ගියේය. | ඔහු ගාල්ලට ගියේය.
Georgian | თბილისი | ის თბილისში ცხოვრობს. | ის ქუთაისში ცხოვრობს.
Georgian | წიგნი | მაგიდაზე წიგნები დევს. | მაგიდაზე ჭიქები დევს.
Ethiopic | አዲስ አበባ | እሷ በአዲስ አበባ ትኖራለች። | እሷ በጎንደር ትኖራለች።
Ethiopic | ኢትዮጵያ | ቡና ከኢትዮጵያ መጣ። | ሻይ ከኬንያ መጣ።
Hangul | 서울 | 저는 서울에서 일해요. | 저는 부산에서 일해요.
Hangul | 도서관 | 동생이 도서관에 갔어요. | 동생이 시장에 갔어요.
Hangul | 김치를 | 할머니 김치가 제일 맛있다. | 할머니 국수가 제일 맛있다.
Hangul | 물 | 아침마다 물을 마신다. | 아침마다 차를 마신다.
Han | 北京 | 我姐姐住在北京市。 | 我姐姐住在南宁市。
Han | 猫 | 邻居养了一只黑猫。 | 邻居养了一只黄狗。
Kana | ラーメン | 夜はﾗｰﾒﾝを食べた。 | 夜はうどんを食べた。
Kana | 東京 | 兄は東京都に住んでいる。 | 兄は大阪府に住んでいる。
Thai | เชียงใหม่ | พี่สาวอยู่ที่เชียงใหม่มาสองปี | พี่สาวอยู่ที่ภูเก็ตมาสองปี
Lao | ວຽງຈັນ | ລາວຢູ່ວຽງຈັນສອງປີ | ລາວຢູ່ປາກເຊສອງປີ
Khmer | ភ្នំពេញ | គាត់រស់នៅភ្នំពេញពីរឆ្នាំ | គាត់រស់នៅសៀមរាបពីរឆ្នាំ
Myanmar | ရန်ကုန် | သူမ ရန်ကုန်မှာ နေတယ် | သူမ မန္တလေးမှာ နေတယ်
Tibetan | ལྷ་ས | ཁོང་ལྷ་ས་ལ་སྡོད་ཀྱི་ཡོད། | ཁོང་གཞིས་ཀ་རྩེར་སྡོད་ཀྱི་ཡོད།
"""

CASES = tuple(
    Case(*(part.strip() for part in line.split(" | "))) for line in _LINES.strip().splitlines()
)
MOST_MISSED = 6
